"""What a user does with a recommendation; test_wheel.py runs it where only the wheel is installed.

Usage: training_script.py RECOMMENDATION.json. Prints what it saw as JSON.
"""

import importlib.util
import json
import sys

from widthwise.client import Client
from widthwise.recommendation import Recommendation

LOADED_BY_THE_CLIENT = sorted({name.partition(".")[0] for name in sys.modules})

import torch  # noqa: E402  the client does not need it; the model does
from torch import nn  # noqa: E402

from parametrization.nn.layers import Readout  # noqa: E402

FOREIGN = (
    *("app", "migrations", "service", "tuner", "workers"),
    *("alembic", "fastapi", "matplotlib", "mup", "optuna", "scipy", "sqlalchemy", "uvicorn"),
)
VOCABULARY, CONTEXT, BATCH = 256, 16, 8


class Network(nn.Module):
    """The user's own model, of any width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, width)
        self.blocks = nn.ModuleList([nn.Linear(width, width, bias=False)])
        self.readout = Readout(width, VOCABULARY, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.embed(tokens)
        for block in self.blocks:
            hidden = hidden + torch.relu(block(hidden))
        logits: torch.Tensor = self.readout(hidden)
        return logits


def main() -> None:
    """Train a few steps on one batch and say how it went."""
    recommendation = Recommendation.from_file(sys.argv[1])
    model = Network(recommendation.width)
    optimizer, schedule = recommendation.apply(model, seed=1, steps=20, despite_abstain=True)
    tokens = torch.arange(BATCH * CONTEXT).reshape(BATCH, CONTEXT) % VOCABULARY
    losses = []
    for _ in range(20):
        logits = model(tokens[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    seen = {
        "client": Client.__name__,
        "loaded_by_the_client": LOADED_BY_THE_CLIENT,
        "importable": [name for name in FOREIGN if importlib.util.find_spec(name)],
        "initial_rates": sorted(group["initial_lr"] for group in optimizer.param_groups),
        "losses": losses,
    }
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main()
