"""What the cohort benchmark trains: our families, a ResNet, and the loop users write today."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.layers import Readout
from parametrization.rules import Optimizer, Parametrization
from parametrization.stepping import Stepping
from tuner.engine import ModelSpec, TrialSpec
from tuner.families import Digits, Gpt, Mlp, StdlibText
from tuner.optimizer_defaults import STUDIED
from tuner.study_spec import Training
from workers.datasets.data import Batch
from workers.datasets.digits import CLASSES
from workers.objective import batch_loss
from workers.trainer import learning_rate_factor
from workers.trial import RunningTrial, new_trial

STEPS: Final = 2_000
"""Of a trial, as far as it matters to what the engine chooses."""
_ENDLESS: Final = 1_000_000


class Workload(NamedTuple):
    """One shape of trials."""

    family: Gpt | Mlp
    width: int
    batch_size: int
    resnet: bool = False


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
    "resnet-w16-b32": Workload(Mlp(name="mlp"), 16, 32, resnet=True),
}
ADAMW, MUON = Optimizer.ADAMW, Optimizer.MUON_SPECTRAL
ROWS: Final = tuple(
    (name, optimizer)
    for name, workload in WORKLOADS.items()
    for optimizer in (ADAMW, MUON)
    if optimizer is ADAMW or isinstance(workload.family, Gpt)
)
QUICK: Final = (("mlp-w64-b16", ADAMW), ("gpt-w32-t32-b4", ADAMW), ("gpt-w32-t32-b4", MUON))
_RATES: Final = {ADAMW: 2.0**-10, MUON: 2.0**-7}


class _ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(1, width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        hidden = x
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = convolution(functional.relu(norm(hidden)))
        return x + hidden


class ResNet(nn.Module):
    """Three residual blocks over 8 x 8 digits."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(*(_ResidualBlock(width) for _ in range(3)))
        self.readout = Readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        images = self.blocks(self.stem(x.view(-1, 1, 8, 8)))
        logits: Tensor = self.readout(images.mean((-2, -1)))
        return logits


def trial(
    workload: Workload, device: str, optimizer: Optimizer = ADAMW, number: int = 0
) -> RunningTrial:
    """Trial number `number` of a learning-rate grid with one seed."""
    text = isinstance(workload.family, Gpt)
    defaults = {"init_std": 1.0, "output_multiplier": 1.0, **STUDIED[optimizer].defaults}
    spec = TrialSpec(
        number=number,
        model=ModelSpec(
            family=workload.family,
            dataset=StdlibText(name="stdlib-text") if text else Digits(name="digits"),
            width=workload.width,
            base_width=workload.width,
            parametrization=Parametrization.MUP,
        ),
        optimizer=optimizer,
        hyperparameters=defaults | {"learning_rate": _RATES[optimizer] * 2.0 ** (number / 8)},
        training=Training(steps=_ENDLESS, batch_size=workload.batch_size),
        seed=0,
    )
    made = new_trial(spec, device)
    if workload.resnet:
        torch.manual_seed(0)
        made.model = ResNet(workload.width).to(device)
        rate = spec.hyperparameters["learning_rate"]
        made.optimizer = torch.optim.AdamW(made.model.parameters(), lr=rate, fused=True)
        made.peak_rates = (rate,)
    return made


def flops(workload: Workload) -> float:
    """Of one trial's step: 6 x parameters x tokens, a convolution's weights 64 times an image."""
    model = trial(workload, "cpu").model
    tokens = workload.batch_size
    if isinstance(workload.family, Gpt):
        tokens *= workload.family.context
    positions = 64 if workload.resnet else 1
    return 6.0 * tokens * positions * sum(tensor.numel() for tensor in model.parameters())


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
        factor = learning_rate_factor(training, step)
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
