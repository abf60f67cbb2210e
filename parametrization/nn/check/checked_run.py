"""Train a model for a few steps, and measure the effect of its tensors on a probe batch."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from parametrization.check.slopes import (
    ATTENTION_LOGITS,
    BLOCK_INPUT,
    LOSS_LOGITS,
    OUTPUT,
    activation_name,
    aligned_name,
    as_readout_name,
)
from parametrization.check.thresholds import PROPAGATION_BANDS, starts_at_zero
from parametrization.nn.check.calls import Recorded, Use, tensors_in
from parametrization.nn.check.contract import follow, refuse_coarse
from parametrization.nn.check.effects import input_effect, parameter_effect, rms
from parametrization.nn.check.probe import Probe
from parametrization.nn.check.seeding import seed_torch
from parametrization.nn.layers import WithMultiplier
from parametrization.nn.parameter_names import OwnedParameter, owned_parameters
from parametrization.nn.start.readouts import draw_start
from parametrization.nn.stepping import optimizer_for, recording
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role

_SUM_OVER_NO_WIDTH: Final = (Role.INPUT, Role.VECTOR, Role.SCALAR)

Start = Callable[[nn.Module, Sequence[TensorScaling], torch.Generator], None]
Stepping = Callable[[nn.Module, Sequence[TensorScaling]], torch.optim.Optimizer]


@dataclass(frozen=True, slots=True)
class CheckedTraining:
    """A model and its data, as far as the check needs them.

    Attributes:
        build: the model at the width under test; only frozen tensors keep their initial values.
        loss: of the model on one batch, a scalar tensor.
        batch: by seed and step from 0 on. Equal at every width, so that slopes are paired.
        start: brings a model to step 0; by default as its scalings say. Give your own to check it.
        stepping: makes the optimizer; by default that of the scalings.

    """

    build: Callable[[], nn.Module]
    loss: Callable[[nn.Module, Any], Tensor]
    batch: Callable[[int, int], Any]
    start: Start = draw_start
    stepping: Stepping = optimizer_for


class CheckedRun:
    """One model before and after its updates, with the inputs of every user of a tensor."""

    def __init__(
        self,
        training: CheckedTraining,
        scalings: Sequence[TensorScaling],
        *,
        zero_readout: bool,
        seed: int,
    ) -> None:
        self._training, self._scalings, self._seed = training, scalings, seed
        with torch.random.fork_rng(devices=[]):
            seed_torch(seed)  # frozen tensors stay as they are built
            self._model = training.build()
        training.start(self._model, scalings, torch.Generator().manual_seed(seed))
        self._roles = {scaling.name: scaling.role for scaling in scalings}
        self._owned = list(owned_parameters(self._model))
        refuse_coarse(self._model)
        if zero_readout and may_start_at_zero(scalings):
            self._zero_readouts()
        self._start = {o.name: o.parameter.detach().clone() for o in self._owned}
        self._probe = Probe(self._model, training.loss)
        self._driven: set[str] = set()

    def train(self, steps: int) -> None:
        """Take the updates, and look at the probe before and after.

        Raises:
            ValueError: if the loss is no scalar tensor with a gradient.

        """
        probe = self._training.batch(self._seed, steps)
        with torch.random.fork_rng(devices=[]):
            stepping = self._training.stepping(self._model, self._scalings)
            self._before = self._probe.look(probe, self._seed)
            for step in range(steps):
                stepping.zero_grad()
                with recording(stepping):
                    batch = self._training.batch(self._seed, step)
                    follow(self._training.loss(self._model, batch))
                self._note_gradients()
                stepping.step()
            self._after = self._probe.look(probe, self._seed)
        self._around = self._probe.around(self._after)

    @property
    def is_dead(self) -> bool:
        """True if no output is trained: at zero, two of which one multiplies the other stay so."""
        return not any(self._roles[name] is Role.OUTPUT for name in self._driven)

    def initial_rms(self) -> dict[str, float]:
        """Sizes at step 0: of tensors times their layers' multipliers, outputs and logits."""
        found: dict[str, float] = {}
        for o in self._trained():
            owner = o.owner
            factor = owner.factor_on(o.attribute) if isinstance(owner, WithMultiplier) else 1.0
            found[o.name] = factor * (rms([self._start[o.name]]) or 0.0)
            for name, uses in self._places(o, self._before).items():
                readouts = [use.module for use in uses if isinstance(use.module, WithMultiplier)]
                if name != o.name and readouts:
                    found[name] = readouts[0].multiplier * found[o.name]
        return found | self._initial_activations()

    def update_rms(self) -> dict[str, float | None]:
        """D of every tensor, None where the probe does not use it; the change of every output.

        Of a tensor that sums over width its aligned part too.
        """
        found: dict[str, float | None] = {}
        for o in self._trained():
            change = o.parameter.detach() - self._start[o.name]
            found[o.name] = None
            if self._roles[o.name] not in _SUM_OVER_NO_WIDTH:
                found[aligned_name(o.name)] = None
            for name, uses in self._places(o, self._after).items():
                found[name] = size = self._effect(o, uses, change)
                if name != o.name or aligned_name(name) in found:
                    found[aligned_name(name)] = self._aligned(o, uses, change, size)
        return found | self._output_changes()

    def propagation_rms(self) -> dict[str, float | None]:
        """P of every matrix that reads activations; None where inputs cannot be compared."""
        known: dict[nn.Module, float | None] = {}
        found: dict[str, float | None] = {}
        for o in self._trained():
            if self._roles[o.name] not in PROPAGATION_BANDS:
                continue
            for name, uses in self._places(o, self._after).items():
                module = uses[0].module
                if module not in known:
                    known[module] = self._propagation(module)
                found[name] = known[module]
        return found

    def stream_rms(self, reader: str) -> float:
        """RMS change of the input of the module that uses the parameter `reader`."""
        owned = next(o for o in self._owned if o.name == reader)
        (uses, *_) = self._places(owned, self._after).values()
        before, after = (
            [
                next(t for t in tensors_in(call.arguments) if t.is_floating_point())
                for call in seen.calls[uses[0].module]
            ]
            for seen in (self._before, self._after)
        )
        return rms([b - a for a, b in zip(before, after, strict=True)]) or 0.0

    def _note_gradients(self) -> None:
        """Note the tensors with a gradient: others are not trained, even if decay moves them."""
        for o in self._owned:
            gradient = o.parameter.grad
            if o.name not in self._driven and gradient is not None and gradient.any():
                self._driven.add(o.name)

    def _trained(self) -> Iterator[OwnedParameter]:
        """Parameters that are trained at all."""
        return (owned for owned in self._owned if owned.parameter.requires_grad)

    def _places(self, owned: OwnedParameter, seen: Recorded) -> dict[str, list[Use]]:
        """Uses of a parameter, by the name that they are judged under."""
        uses = seen.uses.get(id(owned.parameter), [])
        # A penalty on the weights is no use of theirs.
        uses = [use for use in uses if use.module is not self._probe.loss] or uses
        lookups = [use for use in uses if use.is_lookup]
        others = [use for use in uses if not use.is_lookup]
        if not lookups and self._roles[owned.name] is Role.INPUT:  # its layer's, or another's
            lookups = [use for use in uses if use.module is owned.owner]
            others = [use for use in uses if use.module is not owned.owner]
        if lookups and others:
            return {owned.name: lookups, as_readout_name(owned.name): others}
        return {owned.name: uses} if uses else {}

    def _effect(self, owned: OwnedParameter, uses: Sequence[Use], change: Tensor) -> float | None:
        calls = [(use, call) for use in uses for call in self._after.calls[use.module]]
        still = owned.name not in self._driven or not change.any()
        size = rms(
            part
            for use, call in calls
            for part in parameter_effect(
                use,
                call,
                owned.parameter,
                torch.ones_like(change) if still else change,
                self._around,
            )
        )
        return 0.0 if still and size is not None else size

    def _aligned(
        self, owned: OwnedParameter, uses: Sequence[Use], change: Tensor, size: float | None
    ) -> float | None:
        """The part of a D of this size that is more than a random sum; squares add up.

        With signs that are drawn, a change of the same size has no direction in common with
        anything: its effect is that of a random sum.
        """
        if not size:
            return size
        drawn = torch.randint(2, change.shape, generator=torch.Generator().manual_seed(self._seed))
        signs = (2 * drawn - 1).to(change)
        random = self._effect(owned, uses, change * signs) or 0.0
        return math.sqrt(max(0.0, size**2 - random**2))

    def _propagation(self, module: nn.Module) -> float | None:
        before, after = (seen.calls.get(module, []) for seen in (self._before, self._after))
        if len(before) != len(after):
            return None
        start = {id(o.parameter): self._start[o.name] for o in self._owned}
        parts = [
            input_effect(first, second, start, self._around)
            for first, second in zip(before, after, strict=True)
        ]
        if any(part is None for part in parts):
            return None
        return rms(tensor for part in parts for tensor in part or ())

    def _output_changes(self) -> dict[str, float | None]:
        found = {}
        for module, path in self._probe.watched.items():
            before, after = (seen.outputs.get(module, []) for seen in (self._before, self._after))
            if before:
                found[activation_name(path, OUTPUT)] = rms(_changes(before, after))
        found[LOSS_LOGITS] = rms(_changes(self._before.logits, self._after.logits))
        return found

    def _initial_activations(self) -> dict[str, float]:
        found = {
            activation_name(path, ATTENTION_LOGITS): reach
            for path, reach in self._before.reaches.items()
        }
        blocks = [module for module, path in self._probe.watched.items() if path]
        if blocks and (given := rms(self._before.inputs.get(blocks[0], []))):
            found[activation_name(self._probe.watched[blocks[0]], BLOCK_INPUT)] = given
        for module, path in self._probe.watched.items():
            if (size := rms(self._before.outputs.get(module, []))) is not None:
                found[activation_name(path, OUTPUT)] = size
        if (size := rms(self._before.logits)) is not None:
            found[LOSS_LOGITS] = size
        return found

    def _zero_readouts(self) -> None:
        with torch.no_grad():
            for owned in self._trained():  # behind a zero that stays nothing would move
                if self._roles[owned.name] is Role.OUTPUT:
                    owned.parameter.zero_()


def may_start_at_zero(scalings: Sequence[TensorScaling]) -> bool:
    """True if every optimizer of the model can train behind a readout of zero."""
    return all(starts_at_zero(scaling.optimizer) for scaling in scalings)


def _changes(before: Sequence[Tensor], after: Sequence[Tensor]) -> list[Tensor]:
    """Change of each tensor; [] if number or shapes differ, as with routed tokens."""
    if [a.shape for a in before] != [b.shape for b in after]:
        return []
    return [b - a for a, b in zip(before, after, strict=True)]
