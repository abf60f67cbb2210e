"""One of two processes that shard a model with FSDP2 over gloo, initialise it and train a step.

python -m tests.parametrization.nn.sharded_training RANK RENDEZVOUS_FILE RESULT_FILE ORDER

ORDER says when the tensors are drawn: `after` sharding a model on the meta device, or `before`.
"""

import sys

import torch
import torch.distributed as dist
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
    rank, rendezvous, result, order = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    if order == "after":
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
    start = full(model)
    losses = train(model, training)
    end = full(model)
    if rank == 0:
        torch.save({"start": start, "losses": losses, "end": end}, result)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
