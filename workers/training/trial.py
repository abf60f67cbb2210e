"""One trial in memory: its model, optimizer and history, new or restored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import nn

from parametrization.nn.initialise import initialise
from parametrization.nn.param_groups import IN_TORCH, build_optimizer, param_groups
from parametrization.nn.start.readouts import add_readouts
from parametrization.nn.stepping import Stepping
from parametrization.scaling.schedule import average_decay
from parametrization.scaling.tensor_scaling import TensorScaling
from tuner.engine.orders import TrialSpec
from workers.datasets.data import Batch, Data
from workers.datasets.load import load_data
from workers.models.build import build_model
from workers.training.activation_checkpointing import recompute_blocks
from workers.training.averaging import follow
from workers.training.clipping import no_norms
from workers.training.model_shapes import model_scalings
from workers.training.resident import batch_on

_MULTIPLIER: Final = "_extra_state"  # torch's suffix of what `WithMultiplier` adds to a state dict


@dataclass
class RunningTrial:
    """A trial between two updates; what it holds beside `spec` changes as it trains."""

    spec: TrialSpec
    data: Data
    model: nn.Module
    optimizer: torch.optim.Optimizer
    peak_rates: tuple[float, ...]
    """Learning rate of each of the optimizer's groups at factor 1 of the schedule."""
    train_losses: list[float] = field(default_factory=list)
    """One per update done."""
    past_norms: torch.Tensor | None = None
    """Gradient norms that clipping at a percentile keeps."""
    averages: list[torch.Tensor] | None = None
    """Of every parameter, in the model's order, where the weights are averaged."""

    @property
    def step(self) -> int:
        """Updates done."""
        return len(self.train_losses)

    @property
    def is_trained(self) -> bool:
        """True if all of its updates are done."""
        return self.step == self.spec.training.steps

    @property
    def owns_its_tensors(self) -> bool:
        """True if the tensors are no views of a cohort's stacks."""
        first = next(self.model.parameters())
        return first.untyped_storage().nbytes() == first.nbytes

    @property
    def size_bytes(self) -> int:
        """Bytes of its parameters and of the optimizer's state."""
        tensors = [*self.model.parameters(), *self.model.buffers()]
        kept = (one for state in self.optimizer.state.values() for one in state.values())
        return sum(one.nbytes for one in (*tensors, *kept) if isinstance(one, torch.Tensor))

    @property
    def device(self) -> torch.device:
        """Device that it trains on."""
        return next(self.model.parameters()).device

    def batch(self, step: int) -> Batch:
        """The training batch of update number `step` (0-based)."""
        size = self.spec.training.batch_size_at(step)
        return batch_on(self.data, self.device, self.spec.seed, step, size)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The model's parameters in the order of the optimizer's groups."""
        return [tensor for group in self.optimizer.param_groups for tensor in group["params"]]

    def state(self) -> dict[str, Any]:
        """Everything that the spec does not determine, as plain values and tensors.

        The tensors are those that train on, in a cohort views of its stacks: `packed` copies them.
        """
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "train_losses": torch.tensor(self.train_losses, dtype=torch.float64),
            "past_norms": self.past_norms,
            "averages": self.averages,
        }

    def follow(self, step: int) -> None:
        """Take the weights after update number `step` (0-based) into their average, if any."""
        share = self.spec.training.average_fraction
        if self.averages is not None and share is not None:
            kept = average_decay(share, self.spec.training.steps)
            follow(self.averages, list(self.model.parameters()), kept=kept, step=step)


def new_trial(spec: TrialSpec, device: str = "cpu") -> RunningTrial:
    """The trial before its first update: initialised by its parametrization from its seed."""
    model = build_model(spec.model)
    scalings = model_scalings(spec.model, spec.optimizer, spec.hyperparameters)
    add_readouts(model, scalings, at_one=True)  # trials of one cohort have the same layers
    initialise(model, scalings, torch.Generator().manual_seed(spec.seed))
    if spec.training.activation_checkpointing:
        recompute_blocks(model)
    model.to(device)
    optimizer = _optimizer(spec, model, scalings)
    training = spec.training
    return RunningTrial(
        spec=spec,
        data=load_data(spec.model),
        model=model,
        optimizer=optimizer,
        peak_rates=tuple(float(group["lr"]) for group in optimizer.param_groups),
        past_norms=None
        if training.gradient_clip_percentile is None
        else no_norms(torch.device(device)),
        averages=None
        if training.average_fraction is None
        else [weight.detach().clone() for weight in model.parameters()],
    )


def _optimizer(
    spec: TrialSpec, model: nn.Module, scalings: Sequence[TensorScaling]
) -> torch.optim.Optimizer:
    if spec.optimizer not in IN_TORCH:
        return Stepping(model, scalings)
    # The fused kernels read gradients as contiguous. Those of `backward` are: autograd stores a
    # leaf's gradient in the leaf's own layout.
    groups = [group | {"fused": True} for group in param_groups(model, scalings)]
    return build_optimizer(groups, spec.optimizer, scalings[0].others)


def restored_trial(spec: TrialSpec, state: dict[str, Any], device: str = "cpu") -> RunningTrial:
    """The trial as it was when `state` was taken; trains on bit for bit as if never stopped."""
    trial = new_trial(spec, device)
    # Checkpoints from before a layer had a multiplier lack it; the spec has set it here.
    multipliers = {k: v for k, v in trial.model.state_dict().items() if k.endswith(_MULTIPLIER)}
    trial.model.load_state_dict(multipliers | state["model"])
    load_optimizer(trial.optimizer, state["optimizer"])
    trial.train_losses = state["train_losses"].tolist()
    # Checkpoints of releases that neither remembered nor averaged lack both.
    if trial.past_norms is not None:
        trial.past_norms.copy_(state["past_norms"])
    for average, stored in zip(trial.averages or (), state.get("averages") or (), strict=True):
        average.copy_(stored)
    return trial


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load a state, every tensor of it onto the device of its parameter.

    torch leaves a state that is called `step` where it was stored unless the stored group is fused:
    on the CPU, where a cohort on a GPU could not stack it.
    """
    optimizer.load_state_dict(state)
    for parameter, kept in optimizer.state.items():
        kept.update(
            (name, value.to(parameter.device))
            for name, value in kept.items()
            if isinstance(value, torch.Tensor)
        )
