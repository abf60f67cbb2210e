"""What a user does with a recommendation; test_wheel.py runs it where only the wheel is installed.

Usage: training_script.py RECOMMENDATION.json. Prints what it saw as JSON.
"""

import importlib.util
import json
import sys
from functools import partial
from pathlib import Path

import widthwise
from widthwise.client import Client
from widthwise.recommendation import Recommendation

LOADED_BY_THE_CLIENT = sorted({name.partition(".")[0] for name in sys.modules})

import torch  # noqa: E402  the client does not need it; the model does
from torch import nn  # noqa: E402

from parametrization.nn.apply import Prepared  # noqa: E402
from parametrization.nn.base_shapes import read_base_shapes, write_base_shapes  # noqa: E402
from parametrization.nn.layers import Readout  # noqa: E402

FOREIGN = (
    *("app", "migrations", "service", "tuner", "workers"),
    *("alembic", "fastapi", "matplotlib", "mup", "optuna", "scipy", "sqlalchemy", "uvicorn"),
)
VOCABULARY, CONTEXT, BATCH, STEPS = 256, 16, 8, 20


class Network(nn.Module):
    """The user's own model, of any width."""

    def __init__(self, width: int, blocks: int = 1) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(blocks))
        self.readout = Readout(width, VOCABULARY, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.embed(tokens)
        for block in self.blocks:
            hidden = hidden + torch.relu(block(hidden))
        logits: torch.Tensor = self.readout(hidden)
        return logits


def train(model: nn.Module, prepared: Prepared) -> list[float]:
    """Losses of a few steps on one batch."""
    optimizer, schedule = prepared
    tokens = torch.arange(BATCH * CONTEXT).reshape(BATCH, CONTEXT) % VOCABULARY
    losses = []
    for _ in range(STEPS):
        logits = model(tokens[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def own_model() -> dict[str, object]:
    """The user's model at four times its base width, from hyperparameters of the user's own."""
    shape = widthwise.shape(partial(Network, blocks=2), 32)
    write_base_shapes(shape, Path("own.bsh"))
    model = Network(128, blocks=2)
    prepared = widthwise.apply(
        model,
        shape,
        {
            **{"learning_rate": 0.02, "init_std": 1.0, "output_multiplier": 1.0},
            **{"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.0},
        },
        widthwise.Multipliers(width=4.0),
        optimizer="adamw",
        schedule=widthwise.Schedule(),
        steps=STEPS,
        seed=1,
    )
    return {
        "read_back": read_base_shapes(Path("own.bsh"), model, 32) == shape,
        "multiplier": model.readout.multiplier,
        "losses": train(model, prepared),
        "table": str(widthwise.describe(shape, model, width=128)),
    }


def main() -> None:
    """Train a few steps on one batch and say how it went."""
    recommendation = Recommendation.from_file(sys.argv[1])
    model = Network(recommendation.width)
    prepared = recommendation.apply(model, seed=1, steps=STEPS, despite_abstain=True)
    losses = train(model, prepared)
    built_in = recommendation.build()
    seen = {
        "client": Client.__name__,
        "loaded_by_the_client": LOADED_BY_THE_CLIENT,
        "importable": [name for name in FOREIGN if importlib.util.find_spec(name)],
        "initial_rates": sorted(group["initial_lr"] for group in prepared.optimizer.param_groups),
        "losses": losses,
        "own": own_model(),
        "built_in_parameters": sum(parameter.numel() for parameter in built_in.parameters()),
        "version": widthwise.__version__,
    }
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main()
