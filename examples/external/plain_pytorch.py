"""Tune your own model in your own loop: plain PyTorch, trials leased over HTTP.

    widthwise up                                          # in another terminal
    python examples/external/plain_pytorch.py

Started on several machines with the same --study, they share its trials.
"""

import argparse

import torch
from torch import nn
from torch.nn import functional

from parametrization.nn.layers import Readout
from widthwise.client import Client
from widthwise.external.shapes import shapes_document, shapes_of

BASE_WIDTH = 32
VOCABULARY, CONTEXT = 64, 16


class Model(nn.Module):
    """Predicts the next token from the mean of those before it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, width)
        self.hidden = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.readout = Readout(width, VOCABULARY, bias=False)

    def forward(self, tokens_BT: torch.Tensor) -> torch.Tensor:
        embedded = self.embed(tokens_BT)
        counts = torch.arange(1, tokens_BT.shape[1] + 1, device=tokens_BT.device)
        means = embedded.cumsum(1) / counts[:, None]
        return self.readout(self.norm(means + torch.relu(self.hidden(means))))


def build(width: int) -> nn.Module:
    """The model of a width."""
    return Model(width)


def batch(seed: int, step: int, size: int) -> torch.Tensor:
    """Counting in random strides: the same at every width for one seed and step."""
    generator = torch.Generator().manual_seed(1_000_003 * seed + step)
    start = torch.randint(VOCABULARY, (size, 1), generator=generator)
    stride = torch.randint(1, 4, (size, 1), generator=generator)
    return (start + stride * torch.arange(CONTEXT + 1)) % VOCABULARY


def loss_of(model: nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy of the next token."""
    logits = model(tokens[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def specification(target_width: int, steps: int, trials: int) -> dict[str, object]:
    """The study."""
    return {
        "family": {
            "name": "external",
            "shapes": shapes_document(shapes_of(build, BASE_WIDTH)),
            "example_tokens": CONTEXT,
        },
        "target": {"width": target_width},
        "proxy_width": BASE_WIDTH,
        "training": {"steps": steps, "batch_size": 16},
        "search": {"trials": trials, "batch_size": min(8, trials)},
        "measure": {"grid_points": 5},
    }


def main() -> None:
    """Train what is due until the study has ended, then print its answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", help="of the service; default: the one that runs here")
    parser.add_argument("--study", help="go on with this one instead of opening another")
    parser.add_argument("--target-width", type=int, default=512)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--trials", type=int, default=16)
    given = parser.parse_args()
    with Client(given.address) as client:
        spec = specification(given.target_width, given.steps, given.trials)
        study = given.study or client.submit(spec)["id"]
        print(f"page: {client.page(study)}", flush=True)
        for trial in client.trials(study):
            with trial:
                model = build(trial.width)
                optimizer, schedule = trial.apply(model)
                for step in range(trial.start_step, trial.to_step):
                    loss = loss_of(model, batch(trial.seed, step, trial.batch_size))
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
