"""One of two processes that shard a model with FSDP2 over gloo, initialise it and train a step.

python -m tests.parametrization.nn.sharded_training RANK RENDEZVOUS_FILE RESULT_FILE ORDER

ORDER says when the tensors are drawn: `after` sharding a model on the meta device, or `before`.
"""

import sys

import torch
from torch import Tensor
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from parametrization.nn.apply import Prepared, apply
from parametrization.nn.initialise import materialise
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from tests.parametrization.builders import hyperparameters, shape_of
from tests.parametrization.nn.many_layers import ResidualMlp
from tests.parametrization.nn.small_models import cross_entropy, image_batch
from tests.parametrization.nn.two_processes import joined

WIDTH = 96
STEPS = 2


def prepared(model: ResidualMlp) -> Prepared:
    """The model at step 0 and what trains it."""
    return apply(
        model,
        shape_of(ResidualMlp),
        hyperparameters("adamw"),
        Multipliers(WIDTH / 32),
        optimizer="adamw",
        schedule=Schedule(),
        steps=STEPS,
        seed=3,
    )


def train(model: ResidualMlp, training: Prepared) -> list[float]:
    """Losses of a few updates on batches that every process sees alike."""
    losses = []
    for step in range(STEPS):
        training.optimizer.zero_grad()
        loss = cross_entropy(model, image_batch(0, step))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        training.optimizer.step()
        training.schedule.step()
        losses.append(loss.item())
    return losses


def full(model: ResidualMlp) -> dict[str, Tensor]:
    """Every parameter, gathered from both processes."""
    found = {}
    for name, parameter in model.named_parameters():
        assert isinstance(parameter.data, DTensor), name
        found[name] = parameter.data.full_tensor().clone()
    return found


def shard(model: ResidualMlp) -> None:
    """Each block by itself, then the rest."""
    for block in model.blocks:
        fully_shard(block)
    fully_shard(model)


def main() -> None:
    """Store what rank 0 gathered."""
    with joined() as (_, stored):
        if sys.argv[4] == "after":
            with torch.device("meta"):
                model = ResidualMlp(WIDTH)
            shard(model)
            materialise(model, "cpu")
            training = prepared(model)
        else:
            model = ResidualMlp(WIDTH)
            prepared(model)
            shard(model)
            training = prepared(model)
        stored["start"] = full(model)
        stored["losses"] = train(model, training)
        stored["end"] = full(model)


if __name__ == "__main__":
    main()
