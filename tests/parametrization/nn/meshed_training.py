"""Four processes over gloo train one model under meshes of two dimensions, and alone.

python -m tests.parametrization.nn.meshed_training RENDEZVOUS_FILE

Writes, by layout and optimizer, dimensions of the mesh, and how far the parameters are from those
of a model that nothing shards: at the start, and after the updates over how far these moved them.
"""

import json
import multiprocessing
import sys
from collections.abc import Callable
from typing import Final, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn import functional

from parametrization.nn.apply import Prepared, apply
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.layers import Readout
from parametrization.optimizers.hyperparameters import EVERYWHERE
from parametrization.scaling.companions import flat_defaults
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from tests.parametrization.nn.small_models import CLASSES, PIXELS, cross_entropy, image_batch

PROCESSES: Final = 4
BASE, WIDTH, STEPS = 16, 48, 2
OPTIMIZERS: Final = {
    "hybrid": ("adamw", "muon_spectral", "soap"),
    "tensor_parallel": ("adamw", "muon_spectral", "soap"),
}


class Model(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(PIXELS, width), nn.RMSNorm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.readout = Readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = x + self.down(functional.relu(self.up(self.norm(x))))
        logits: Tensor = self.readout(x)
        return logits


class Square(nn.Module):
    """Gradients of full rank, in double precision.

    The bases that SOAP has of a null space are any that rounding gives, and it normalises what the
    next gradient has there: summed in another order, as under tensor parallelism, it would step
    elsewhere.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.down(torch.tanh(self.up(x)))
        return result


def full_rank(seed: int, step: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(2 * step + seed)
    inputs, targets = torch.randn(2, 4 * WIDTH, WIDTH, generator=draw, dtype=torch.float64)
    return inputs, targets


def squares(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    inputs, targets = batch
    return functional.mse_loss(model(inputs), targets)


class Trained(NamedTuple):
    build: Callable[[int], nn.Module]
    loss: Callable[[nn.Module, tuple[Tensor, Tensor]], Tensor]
    batch: Callable[[int, int], tuple[Tensor, Tensor]]


CLASSIFIER: Final = Trained(Model, cross_entropy, image_batch)
DETERMINED: Final = Trained(Square, squares, full_rank)


def hybrid(model: nn.Module) -> None:
    """Replicas of shards."""
    fully_shard(model, mesh=init_device_mesh("cpu", (2, 2), mesh_dim_names=("replica", "shard")))


def tensor_parallel(model: nn.Module) -> None:
    """The wide layers by columns and rows, and the rest over the other dimension."""
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "tensor"))
    plan = {"up": ColwiseParallel(), "down": RowwiseParallel()}
    parallelize_module(model, mesh["tensor"], plan)
    fully_shard(model, mesh=mesh["data"])


LAYOUTS: Final[dict[str, Callable[[nn.Module], None]]] = {
    "hybrid": hybrid,
    "tensor_parallel": tensor_parallel,
}


def prepared(model: nn.Module, build: Callable[[int], nn.Module], optimizer: str) -> Prepared:
    shape = derive_model_shape(build(BASE), build(2 * BASE), BASE)
    return apply(
        model,
        shape,
        dict.fromkeys(EVERYWHERE, 1.0) | flat_defaults(optimizer) | {"learning_rate": 2.0**-10},
        Multipliers(WIDTH / BASE),
        optimizer=optimizer,
        schedule=Schedule(),
        steps=STEPS,
        seed=3,
    )


def trained(model: nn.Module, one: Trained, optimizer: str) -> list[dict[str, Tensor]]:
    """Every parameter, whole: at the start and after the updates."""
    training = prepared(model, one.build, optimizer)
    found = [whole(model)]
    for step in range(STEPS):
        training.optimizer.zero_grad()
        one.loss(model, one.batch(0, step)).backward()  # type: ignore[no-untyped-call]
        training.optimizer.step()
        training.schedule.step()
    return [*found, whole(model)]


def whole(model: nn.Module) -> dict[str, Tensor]:
    return {
        name: (p.data.full_tensor() if isinstance(p.data, DTensor) else p.data).detach().clone()
        for name, p in model.named_parameters()
    }


def _distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return float(sum((one[name] - other[name]).square().sum() for name in other) ** 0.5)


def one_process(rank: int, rendezvous: str) -> None:
    """What rank 0 found, as JSON."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=PROCESSES
    )
    differences = {}
    for layout, shard in LAYOUTS.items():
        for optimizer in OPTIMIZERS[layout]:
            one = DETERMINED if optimizer == "soap" else CLASSIFIER
            model = one.build(WIDTH)
            shard(model)
            weight = model.get_parameter("up.weight")
            assert isinstance(weight, DTensor)
            mesh: DeviceMesh = weight.device_mesh
            together = trained(model, one, optimizer)
            alone = trained(one.build(WIDTH), one, optimizer)
            moved = _distance(alone[1], alone[0])
            differences[f"{layout} {optimizer}"] = [
                mesh.ndim,
                _distance(together[0], alone[0]),
                _distance(together[1], alone[1]) / moved,
            ]
    if rank == 0:
        sys.stdout.write(json.dumps(differences))
        sys.stdout.flush()
    dist.destroy_process_group()


def main() -> None:
    """Forked before torch has threads, so that it is imported once."""
    context = multiprocessing.get_context("fork")
    started = [
        context.Process(target=one_process, args=(rank, sys.argv[1])) for rank in range(PROCESSES)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    sys.exit(max(abs(process.exitcode or 0) for process in started))


if __name__ == "__main__":
    main()
