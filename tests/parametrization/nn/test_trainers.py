"""Compilation, and Hugging Face's Trainer, with what `apply` returns."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.apply import Prepared, apply
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from tests.parametrization.builders import shape_of
from tests.parametrization.nn.small_models import Mlp, cross_entropy, image_batch
from tests.parametrization.nn.test_declared_layouts import flat

STEPS = 8


def training_of(model: nn.Module, optimizer: str) -> Prepared:
    return apply(
        model,
        shape_of(Mlp),
        flat(optimizer),
        Multipliers(2),
        optimizer=optimizer,
        schedule=Schedule(),
        steps=STEPS,
        seed=3,
    )


@pytest.mark.parametrize("optimizer", ["adamw", "muon_spectral"])
def test_a_compiled_model_trains_like_the_plain_one(optimizer: str) -> None:
    ends = []
    for compiled in (False, True):
        bare = Mlp(64)
        model = torch.compile(bare, backend="eager") if compiled else bare
        assert isinstance(model, nn.Module)
        training = training_of(model, optimizer)
        for number in range(3):
            training.optimizer.zero_grad()
            cross_entropy(model, image_batch(0, number)).backward()  # type: ignore[no-untyped-call]  # untyped
            training.optimizer.step()
            training.schedule.step()
        ends.append([parameter.detach().clone() for parameter in bare.parameters()])
    for one, other in zip(*ends, strict=True):
        assert torch.equal(one, other)


class ForTrainer(nn.Module):
    """What the Trainer calls: keywords in, a loss among what comes out."""

    def __init__(self, mlp: Mlp) -> None:
        super().__init__()
        self.mlp = mlp

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.mlp(x)
        return {"loss": functional.cross_entropy(logits, labels), "logits": logits}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "muon_spectral", "schedule_free_adamw"])
def test_hugging_faces_trainer_resumes_bit_for_bit(optimizer: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    x, labels = image_batch(0, 0, size=16 * STEPS)
    rows = [{"x": one, "labels": label} for one, label in zip(x, labels, strict=True)]

    def train(folder: Path, resume: str | None = None) -> list[Tensor]:
        mlp = Mlp(64)
        prepared = training_of(mlp, optimizer)
        arguments = transformers.TrainingArguments(
            output_dir=str(folder),
            max_steps=STEPS,
            per_device_train_batch_size=8,
            gradient_accumulation_steps=2,
            save_strategy="steps",
            save_steps=STEPS // 2,
            logging_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            dataloader_pin_memory=False,
            max_grad_norm=0,
        )
        trainer = transformers.Trainer(
            ForTrainer(mlp),
            arguments,
            train_dataset=rows,
            optimizers=(prepared.optimizer, prepared.schedule),
        )
        trainer.train(resume_from_checkpoint=resume)
        assert prepared.schedule.last_epoch == STEPS
        return [parameter.detach().clone() for parameter in mlp.parameters()]

    through = train(tmp_path)
    resumed = train(tmp_path / "again", str(tmp_path / f"checkpoint-{STEPS // 2}"))
    for one, other in zip(resumed, through, strict=True):
        assert torch.equal(one, other)
