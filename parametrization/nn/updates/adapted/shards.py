"""Take DTensors apart and put them together again; importing this costs a second."""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Placement, Replicate, Shard

from parametrization.nn.updates.adapted.views import Views
from parametrization.nn.updates.update import LayerSignals


def views_of(parameter: Tensor, *, entrywise: bool) -> Views | None:
    """Views of this process's shard alone, or of the whole; None if nothing is sharded."""
    if not isinstance(parameter, DTensor):
        return None
    like, mesh = parameter, parameter.device_mesh
    if entrywise:
        return Views(
            take=lambda tensor: _shard(tensor, like),
            give=lambda local: _from_shard(local, like),
            keep=lambda state: {name: _from_shard(value, like) for name, value in state.items()},
            signals=lambda signals: signals,
        )
    along_first = [Replicate() if p.is_replicate() else Shard(0) for p in like.placements]

    def kept(value: Tensor) -> Tensor:
        shared = _from_first(value, mesh)
        return _placed(shared, mesh, along_first) if value.dim() else shared

    return Views(
        take=lambda tensor: tensor.full_tensor() if isinstance(tensor, DTensor) else tensor,
        give=lambda whole: _placed(_from_first(whole, mesh), mesh, like.placements),
        # In one order everywhere: who computed may have put the parts of its state in another.
        keep=lambda state: {name: kept(state[name]) for name in sorted(state)},
        signals=lambda signals: _signals_of_all(signals, like),
        computes=not any(mesh.get_coordinate() or ()),
    )


def _shard(tensor: Tensor, like: DTensor) -> Tensor:
    """This process's part of the tensor; 0-d tensors are returned whole."""
    if not tensor.dim():
        return tensor
    if not isinstance(tensor, DTensor):  # from a checkpoint that was not sharded
        tensor = _placed(tensor.contiguous(), like.device_mesh, like.placements)
    return tensor.redistribute(placements=like.placements).to_local()


def _from_shard(local: Tensor, like: DTensor) -> Tensor:
    if not local.dim():
        return local
    return DTensor.from_local(
        local.contiguous(),
        like.device_mesh,
        like.placements,
        run_check=False,
        shape=like.shape,
        stride=like.stride(),
    )


def _placed(value: Tensor, mesh: DeviceMesh, placements: Sequence[Placement]) -> DTensor:
    """DTensor with these placements, of a contiguous tensor that every process holds whole."""
    replicated = DTensor.from_local(value, mesh, [Replicate()] * mesh.ndim, run_check=False)
    return replicated.redistribute(placements=placements)


def _from_first(value: Tensor, mesh: DeviceMesh) -> Tensor:
    """The value of the mesh's first process, on all of its processes."""
    shared = value.contiguous()  # eigenvectors come by columns
    for dimension in range(mesh.ndim):
        dist.broadcast(shared, group=mesh.get_group(dimension), group_src=0)
    return shared


def _signals_of_all(signals: LayerSignals, like: DTensor) -> LayerSignals:
    """The layer's signals of all processes, each of which trains on its own rows.

    Raises:
        ValueError: if a process holds part of the rows' features, as under tensor parallelism.

    """
    if sum(not placement.is_replicate() for placement in like.placements) > 1:
        raise ValueError(
            f"K-FAC cannot train a parameter placed {like.placements}: what its layer saw is"
            " spread over processes; shard it by FSDP2 alone, or have another optimizer train it"
        )
    for dimension in range(like.device_mesh.ndim):
        group = like.device_mesh.get_group(dimension)
        signals = LayerSignals(*(_rows_of_all(rows, group) for rows in signals))
    return signals


def _rows_of_all(rows: Tensor, group: dist.ProcessGroup) -> Tensor:
    """Rows of every process, one after the other; their numbers may differ."""
    count = torch.tensor([len(rows)], device=rows.device)
    counts = [torch.zeros_like(count) for _ in range(dist.get_world_size(group))]
    dist.all_gather(counts, count, group)
    numbers = [int(one) for one in counts]
    padded = rows.new_zeros(max(numbers), *rows.shape[1:])
    padded[: len(rows)] = rows
    gathered = [torch.empty_like(padded) for _ in numbers]
    dist.all_gather(gathered, padded, group)
    return torch.cat([one[:number] for one, number in zip(gathered, numbers, strict=True)])
