"""Have Widthwise tune the GPT of this folder in a loop of its own: `train.py` stays as it is.

widthwise shapes trainer.py:build --base-width 64 --blocks 'layers.*' --output shapes.json
widthwise up                                         # in another terminal
python trainer.py
"""

import json
from pathlib import Path

import torch
from model import HEAD_SIZE, Gpt
from torch import Tensor
from train import CONTEXT, cross_entropy, get_batch

import widthwise


def build(width: int) -> Gpt:
    """The model of a width."""
    return Gpt(width, layers=2, context=CONTEXT, vocabulary=256)


def batch(seed: int, step: int, size: int) -> tuple[Tensor, Tensor]:
    """The same at every width for one seed and step."""
    torch.manual_seed(1_000_003 * seed + step)
    return get_batch(size)


def specification() -> dict[str, object]:
    """The study, with the shapes that were written down before."""
    return {
        "family": {
            "name": "external",
            "shapes": json.loads(Path("shapes.json").read_text()),
            "divisor": HEAD_SIZE,
            "example_tokens": CONTEXT,
            "depth": 2,
            "check": "posted",
        },
        "target": {"width": 1024, "tokens": 1_000_000},
    }


def main() -> None:
    """Post the coordinate check, train what is due until the study has ended, print its answer."""
    with widthwise.Client() as client:
        study = client.submit(specification()).id
        print(f"page: {client.page(study)}", flush=True)
        client.post_check(study, build, cross_entropy, batch)
        for trial in client.trials(study):
            with trial:
                model = build(trial.width)
                optimizer, schedule = trial.apply(model)
                for step in range(trial.start_step, trial.to_step):
                    loss = cross_entropy(model, batch(trial.seed, step, trial.batch_size))
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    schedule.step()
                    if trial.report(step + 1, loss.item()) == "stop":
                        break
            print(f"trial {trial.number}, width {trial.width}: {trial.reason}", flush=True)
        print(client.recommendation(study)["headline"])


if __name__ == "__main__":
    main()
