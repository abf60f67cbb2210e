"""One of two processes that shard models whose raw tensors have a forward multiplier.

python -m tests.parametrization.nn.sharded_readouts RANK RENDEZVOUS_FILE RESULT_FILE

Every process sees the whole batch. Rank 0 stores, by way of sharding and model, how far its losses
are from those of the whole model, and what is refused.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn import functional

from parametrization.nn.apply import Prepared, apply
from parametrization.nn.classify import Declaration
from parametrization.nn.fold_multipliers import fold_multipliers
from parametrization.nn.readouts.multiplied_tensors import multiply_tensor
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import Role
from tests.parametrization.builders import hyperparameters, shape_of
from tests.parametrization.nn.test_multiplied_tensors import ROUTED, TOKENS, ByHand, Routed
from tests.parametrization.nn.two_processes import joined

STEPS = 3
UNEMBED = {"unembed": Declaration(Role.OUTPUT, 0, 1)}


class Case(NamedTuple):
    """A model, its declarations, its batch, and the name of a multiplied tensor."""

    build: Callable[[int], nn.Module]
    roles: Mapping[str, Role | Declaration]
    inputs: Tensor
    multiplied: str


CASES = {
    "output": Case(ByHand, UNEMBED, TOKENS, "unembed"),
    "router": Case(Routed, ROUTED, torch.linspace(-1, 1, 24).double().view(8, 3), "experts.route"),
}


def prepared(case: Case, model: nn.Module) -> Prepared:
    """The model at step 0 and what trains it."""
    return apply(
        model,
        shape_of(case.build, roles=case.roles),
        hyperparameters("adamw"),
        Multipliers(4.0),
        optimizer="adamw",
        schedule=Schedule(),
        steps=STEPS,
        seed=0,
    )


def losses(case: Case, model: nn.Module, training: Prepared) -> Tensor:
    """Of a few updates on one batch."""
    found = []
    for _ in range(STEPS):
        training.optimizer.zero_grad()
        loss = functional.cross_entropy(model(case.inputs), torch.arange(8) % 7)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        training.optimizer.step()
        training.schedule.step()
        found.append(loss.detach())
    return torch.stack(found)


def by_fsdp2(case: Case, *, first: str) -> tuple[nn.Module, Prepared]:
    """Sharded with its parts, after its tensors are multiplied or before."""
    model = case.build(128).double()
    if first == "multiplied":
        multiply_tensor(model, case.multiplied)
    for part in model.children():
        fully_shard(part)
    fully_shard(model)
    return model, prepared(case, model)


def by_fsdp1(case: Case) -> tuple[nn.Module, Prepared]:
    """Wrapped after its tensors are multiplied and its optimizer has them."""
    model = case.build(128).double()
    training = prepared(case, model)
    device = torch.device("cpu")
    return FullyShardedDataParallel(model, use_orig_params=True, device_id=device), training


def refusal(case: Case, *, use_orig_params: bool) -> str:
    """What is said of a model that FSDP1 has flattened already."""
    model = case.build(128).double()
    device = torch.device("cpu")
    flat = FullyShardedDataParallel(model, use_orig_params=use_orig_params, device_id=device)
    try:
        prepared(case, flat)
    except ValueError as error:
        return str(error)
    return ""


def change_by_folding(case: Case) -> float:
    """What folding the multipliers of a model that FSDP2 shards does to its output."""
    model, training = by_fsdp2(case, first="multiplied")
    losses(case, model, training)
    before: Tensor = model(case.inputs).detach()
    fold_multipliers(model)
    after: Tensor = model(case.inputs).detach()
    return (after - before).abs().max().item()


def main() -> None:
    """Store what rank 0 found."""
    with joined() as (_, stored):
        ways = {
            "FSDP2, multiplied first": lambda case: by_fsdp2(case, first="multiplied"),
            "FSDP2, sharded first": lambda case: by_fsdp2(case, first="sharded"),
            "FSDP1": by_fsdp1,
        }
        apart: dict[str, float] = {}
        for name, case in CASES.items():
            whole = case.build(128).double()
            right = losses(case, whole, prepared(case, whole))
            for way, sharded in ways.items():
                found = losses(case, *sharded(case))
                apart[f"{name}: {way}"] = (found - right).abs().max().item()
        stored["apart"] = apart
        stored["refusals"] = [
            refusal(CASES["output"], use_orig_params=kept) for kept in (True, False)
        ]
        stored["folding"] = {name: change_by_folding(case) for name, case in CASES.items()}


if __name__ == "__main__":
    main()
