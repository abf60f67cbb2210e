"""Tune your own model in Hugging Face's Trainer, which gets optimizer, schedule and a callback.

widthwise up                                          # in another terminal
python examples/external/hf_trainer.py
"""

import argparse
import tempfile
from typing import Any

import torch
from plain_pytorch import batch, build, loss_of, specification
from torch import nn
from torch.utils.data import Dataset
from transformers import Trainer, TrainerCallback, TrainingArguments

from widthwise.client import Client
from widthwise.external.trial import Trial


class Batches(Dataset[torch.Tensor]):
    """Examples in a fixed order: the same at every width for one seed."""

    def __init__(self, trial: Trial) -> None:
        batches = (batch(trial.seed, step, trial.batch_size) for step in range(trial.steps))
        self.examples = torch.cat(list(batches))

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"tokens": self.examples[index]}


class WithLoss(nn.Module):
    """The model as the Trainer calls it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": loss_of(self.model, tokens)}


class Reports(TrainerCallback):  # type: ignore[misc]  # an extra, which may not be installed
    """Reports every update that the Trainer logs, and stops it when told to."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:  # noqa: ANN401
        """Report the loss after every update, as logging_steps is 1."""
        if "loss" in logs and self.trial.report(state.global_step, logs["loss"]) == "stop":
            control.should_training_stop = True


def train(trial: Trial, folder: str) -> None:
    """One trial, from its start."""
    model = build(trial.width)
    optimizer, schedule = trial.apply(model)
    arguments = TrainingArguments(
        output_dir=folder,
        max_steps=trial.to_step,
        per_device_train_batch_size=trial.batch_size,
        train_sampling_strategy="sequential",
        max_grad_norm=trial.gradient_clip_norm or 0.0,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
    )
    Trainer(
        model=WithLoss(model),
        args=arguments,
        train_dataset=Batches(trial),
        optimizers=(optimizer, schedule),
        callbacks=[Reports(trial)],
    ).train()


def main() -> None:
    """Train what is due until the study has ended, then print its answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", help="of the service; default: the one that runs here")
    parser.add_argument("--target-width", type=int, default=512)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--trials", type=int, default=16)
    given = parser.parse_args()
    with Client(given.address) as client, tempfile.TemporaryDirectory() as folder:
        spec = specification(given.target_width, given.steps, given.trials)
        study = client.submit(spec)["id"]
        print(f"page: {client.page(study)}", flush=True)
        for trial in client.trials(study):
            with trial:
                train(trial, folder)
            print(f"trial {trial.number}, width {trial.width}: {trial.reason}", flush=True)
        print(client.recommendation(study)["headline"])


if __name__ == "__main__":
    main()
