"""One of two processes that train a sharded model by every optimizer, and the whole one beside it.

python -m tests.parametrization.nn.sharded_optimizers RANK RENDEZVOUS_FILE RESULT_FILE CHECKPOINTS

Each process sees half of every batch. Rank 0 stores, by optimizer, how far the sharded model ends
from the whole one, and one that was stopped and resumed by torch's distributed checkpoints from the
one that was not.
"""

import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn import functional

from parametrization.nn.apply import Prepared, apply
from parametrization.nn.layers import Readout
from parametrization.nn.stepping import evaluating, recording
from parametrization.optimizers.registry import STUDIED
from parametrization.scaling.companions import flat_defaults
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import ModelShape
from tests.parametrization.builders import shape_of
from tests.parametrization.nn.test_declared_layouts import DECLARED, RawMaps
from tests.parametrization.nn.two_processes import joined

BASE_WIDTH, WIDTH, ROWS, STEPS = 16, 32, 256, 2


class Net(nn.Module):
    """Tensors of every layout, and an odd number of tokens and of outputs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 16)
        self.maps = RawMaps(width)
        self.norm = nn.RMSNorm(width)
        self.wide = nn.Linear(width, width)
        self.readout = Readout(width, 5)

    def forward(self, tokens: Tensor, x: Tensor) -> Tensor:
        h = self.wide(self.norm(self.maps(self.table(tokens) + x)))
        return torch.cat([h, self.readout(functional.gelu(h))], -1)


class LinearNet(nn.Module):
    """What K-FAC can train."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 16)
        self.first = nn.Linear(16, width)
        self.wide = nn.Linear(width, width)
        self.readout = Readout(width, 5)

    def forward(self, tokens: Tensor, x: Tensor) -> Tensor:
        h = self.wide(functional.gelu(self.first(self.table(tokens) + x)))
        return torch.cat([h, self.readout(functional.gelu(h))], -1)


class Outcome(NamedTuple):
    """Largest differences after training, relative to the distance that the model went."""

    from_whole: float
    from_uninterrupted: float
    at_evaluation: float


@cache
def shape(build: type[Net | LinearNet]) -> ModelShape:
    """Of the model at its base width."""
    raw = {f"maps.{name}": said for name, said in DECLARED.items()}
    return shape_of(build, BASE_WIDTH, roles=raw if build is Net else None)


def model_of(optimizer: str) -> Net | LinearNet:
    """Double precision: what is compared is the arithmetic."""
    torch.manual_seed(0)
    return (LinearNet if optimizer in ("kfac", "ekfac") else Net)(WIDTH).double()


def prepared(model: Net | LinearNet, optimizer: str) -> Prepared:
    """The model at step 0 and what trains it."""
    low, high = STUDIED[optimizer].log2_rates
    return apply(
        model,
        shape(Net if isinstance(model, Net) else LinearNet),  # sharding has changed its class
        {
            **{"learning_rate": 2.0 ** ((low + high) / 2), "init_std": 1.0},
            **{"output_multiplier": 1.0, **flat_defaults(optimizer)},
        },
        Multipliers(WIDTH / BASE_WIDTH),
        optimizer=optimizer,
        schedule=Schedule(warmup_fraction=0.0),
        steps=2 * STEPS,
        seed=3,
    )


def train(model: nn.Module, training: Prepared, steps: range, rows: slice) -> None:
    """Updates on these rows of batches that every process knows."""
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        tokens = torch.randint(7, (ROWS,), generator=generator)
        # Of full rank: what SOAP does in a null space hangs on rounding.
        x, targets = (torch.randn(ROWS, n, generator=generator).double() for n in (16, WIDTH + 5))
        training.optimizer.zero_grad()
        with recording(training.optimizer):
            loss = functional.mse_loss(model(tokens[rows], x[rows]), targets[rows])
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        training.optimizer.step()
        training.schedule.step()


def full(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter, gathered from both processes."""
    found = {}
    for name, parameter in model.named_parameters():
        value = parameter.data
        found[name] = (value.full_tensor() if isinstance(value, DTensor) else value).clone()
    return found


def sharded_model(optimizer: str) -> Net | LinearNet:
    """Its widest parts by themselves, then the rest."""
    model = model_of(optimizer)
    fully_shard(model.wide)
    fully_shard(model)
    return model


def states(model: nn.Module, training: Prepared) -> dict[str, Any]:
    """What a distributed checkpoint holds."""
    return {
        "model": get_model_state_dict(model),
        "optimizer": get_optimizer_state_dict(model, training.optimizer),
    }


def difference(one: dict[str, Tensor], other: dict[str, Tensor], start: dict[str, Tensor]) -> float:
    """The largest of any tensor, over the distance that it went."""
    far = {name: (other[name] - start[name]).abs().max().item() for name in start}
    return max((one[n] - other[n]).abs().max().item() / (far[n] or 1.0) for n in start)


class Whole(NamedTuple):
    """A model that one process trained: at its start, its end, and the point to evaluate."""

    start: dict[str, Tensor]
    end: dict[str, Tensor]
    evaluated: dict[str, Tensor]


def trained_whole(optimizer: str) -> Whole:
    """By a process that knows of no other."""
    model = model_of(optimizer)
    training = prepared(model, optimizer)
    start = full(model)
    train(model, training, range(2 * STEPS), slice(None))
    end = full(model)
    with evaluating(training.optimizer):
        return Whole(start, end, full(model))


def outcome(optimizer: str, whole: Whole, rank: int, folder: Path) -> Outcome:
    """Train it sharded, and sharded with a stop in the middle."""
    # SOAP's eigenvectors have signs that rounding decides: the processes are made to round apart.
    torch.set_num_threads(1 + rank if optimizer == "soap" else 1)
    half = slice(rank * ROWS // 2, (rank + 1) * ROWS // 2)
    sharded = sharded_model(optimizer)
    training = prepared(sharded, optimizer)
    train(sharded, training, range(STEPS), half)
    path, middle = folder / optimizer, training.schedule.state_dict()
    save(states(sharded, training), checkpoint_id=path)
    train(sharded, training, range(STEPS, 2 * STEPS), half)

    resumed = sharded_model(optimizer)
    again = prepared(resumed, optimizer)
    stored = states(resumed, again)
    load(stored, checkpoint_id=path)
    set_model_state_dict(resumed, stored["model"])
    set_optimizer_state_dict(resumed, again.optimizer, stored["optimizer"])
    again.schedule.load_state_dict(middle)
    train(resumed, again, range(STEPS, 2 * STEPS), half)

    end = full(sharded)
    with evaluating(training.optimizer):
        evaluated = full(sharded)
    return Outcome(
        from_whole=difference(end, whole.end, whole.start),
        from_uninterrupted=difference(full(resumed), end, whole.start),
        at_evaluation=difference(evaluated, whole.evaluated, whole.start),
    )


def refusal_of_replicas() -> str:
    """What K-FAC says where every process holds the whole model."""
    model = model_of("kfac")
    try:
        train(model, prepared(model, "kfac"), range(1), slice(None))
    except RuntimeError as error:
        return str(error)
    return ""


def main() -> None:
    """Store every optimizer's outcome, and what is refused."""
    torch.set_num_threads(1)
    # Before the processes join: K-FAC would take the whole model for a replica.
    whole = {name: trained_whole(name) for name in STUDIED}
    with joined() as (rank, stored):
        folder = Path(sys.argv[4])
        stored["outcomes"] = {
            name: tuple(outcome(name, whole[name], rank, folder)) for name in STUDIED
        }
        if rank == 0:
            stored["refusal"] = refusal_of_replicas()


if __name__ == "__main__":
    main()
