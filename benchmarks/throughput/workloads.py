"""Define the cohort benchmark's workloads: our families, and the loop users write today."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor

from parametrization.nn.stepping import Stepping
from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.companions import flat_defaults
from tuner.engine.orders import ModelSpec, TrialSpec
from tuner.spec.datasets.registry import default_dataset
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.families.resnet import Resnet
from tuner.spec.study_fields import Training
from workers.datasets.data import Batch
from workers.training.objective import batch_loss
from workers.training.trial import RunningTrial, new_trial

STEPS: Final = 2_000
"""Of a trial, as far as it matters to what the engine chooses."""
_ENDLESS: Final = 1_000_000


class Workload(NamedTuple):
    """One shape of trials."""

    family: Gpt | Mlp | Resnet
    width: int
    batch_size: int
    autocast: torch.dtype | None = None
    """Of the matrix products; None for single precision."""


WORKLOADS: Final = {
    "mlp-w64-b16": Workload(Mlp(name="mlp"), 64, 16),
    "mlp-w64-b128": Workload(Mlp(name="mlp"), 64, 128),
    "mlp-w128-b16": Workload(Mlp(name="mlp"), 128, 16),
    "mlp-w128-b128": Workload(Mlp(name="mlp"), 128, 128),
    "mlp-w256-b16": Workload(Mlp(name="mlp"), 256, 16),
    "mlp-w256-b128": Workload(Mlp(name="mlp"), 256, 128),
    "gpt-w32-t32-b4": Workload(Gpt(name="gpt", depth=2, head_size=16, context=32), 32, 4),
    "gpt-w64-t64-b16": Workload(Gpt(name="gpt", depth=2, head_size=16, context=64), 64, 16),
    "gpt-w128-l4-t128-b16": Workload(Gpt(name="gpt", depth=4, head_size=32, context=128), 128, 16),
    "resnet-w16-b32": Workload(Resnet(name="resnet", depth=3), 16, 32),
}
ADAMW, MUON = "adamw", "muon_spectral"
ROWS: Final = tuple(
    (name, optimizer)
    for name, workload in WORKLOADS.items()
    for optimizer in (ADAMW, MUON)
    if optimizer == ADAMW or isinstance(workload.family, Gpt)
)
QUICK: Final = (("mlp-w64-b16", ADAMW), ("gpt-w32-t32-b4", ADAMW), ("gpt-w32-t32-b4", MUON))
_RATES: Final = {ADAMW: 2.0**-10, MUON: 2.0**-7}


def trial(workload: Workload, device: str, optimizer: str = ADAMW, number: int = 0) -> RunningTrial:
    """Trial number `number` of a learning-rate grid with one seed."""
    defaults = {"init_std": 1.0, "output_multiplier": 1.0, **flat_defaults(optimizer)}
    spec = TrialSpec(
        number=number,
        model=ModelSpec(
            family=workload.family,
            dataset=default_dataset(workload.family.trains_on),
            width=workload.width,
            base_width=workload.width,
            parametrization=Parametrization.MUP,
        ),
        optimizer=optimizer,
        hyperparameters=defaults | {"learning_rate": _RATES[optimizer] * 2.0 ** (number / 8)},
        training=Training(steps=_ENDLESS, batch_size=workload.batch_size),
        seed=0,
    )
    return new_trial(spec, device)


def flops(workload: Workload) -> float:
    """Of one trial's step: 6 x parameters x the positions that they work on."""
    one = trial(workload, "cpu")
    parameters = sum(tensor.numel() for tensor in one.model.parameters())
    positions = workload.family.positions_per_example(one.spec.model.dataset)
    return 6.0 * workload.batch_size * positions * parameters


def eager_loop(made: RunningTrial, compiled: str | None = None) -> Callable[[], None]:
    """One step of the loop that a user of Optuna writes: fused optimizer, schedule, loss read.

    Args:
        made: what it trains; drawing batches costs the same here as in the engine.
        compiled: mode of torch.compile, if the loss is to be compiled.

    """
    training, step = made.spec.training, 0
    optimizers = _users_optimizers(made)
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    peak_rates = [group["lr"] for group in groups]

    def loss_of(batch: Batch) -> Tensor:
        return batch_loss(made.model, batch)

    loss_function = torch.compile(loss_of, mode=compiled) if compiled else loss_of

    def take_step() -> None:
        nonlocal step
        factor = training.schedule.factor(step, training.steps)
        for group, peak_rate in zip(groups, peak_rates, strict=True):
            group["lr"] = peak_rate * factor
        made.model.zero_grad(set_to_none=True)
        loss = loss_function(made.batch(step))
        torch.autograd.backward(loss)
        for optimizer in optimizers:
            optimizer.step()
        loss.item()
        step += 1

    return take_step


def _users_optimizers(made: RunningTrial) -> list[torch.optim.Optimizer]:
    """Torch's own: for Muon, its Muon on hidden matrices and a fused AdamW on all else."""
    if not isinstance(made.optimizer, Stepping):
        return [made.optimizer]
    hidden = [
        group["params"][0]
        for group, optimizer in zip(
            made.optimizer.param_groups, made.optimizer.optimizers, strict=True
        )
        if optimizer.name == MUON
    ]
    others = [own for own in made.model.parameters() if not any(own is one for one in hidden)]
    rate = made.spec.hyperparameters["learning_rate"]
    return [torch.optim.Muon(hidden, lr=rate), torch.optim.AdamW(others, lr=rate, fused=True)]


def matmul_flops_per_second(device: str) -> float:
    """Of one process: the best of a few large products."""
    size = 1024 if device == "cpu" else 8192
    a, b = torch.randn(2, size, size, device=device)
    best = 0.0
    for _ in range(5):
        started = time.perf_counter()
        (a @ b).sum().item()
        best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best
