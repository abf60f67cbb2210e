"""Measure how a few updates change each tensor's contribution to a model's activations.

Per tensor, on one probe batch, after `steps` updates at a small rate:

- D, the rms of dW(t) x(t) with the readout starting at zero (a bias: of db; a gain: of dgamma
  times the normalised input). It sees a wrong learning rate or forward multiplier.
- P, the rms of W(0) (x(t) - x(0)) with the readout as initialised. It sees a wrong
  initialisation, which D cannot.
- the rms of the initial tensor times its forward multiplier, exact where D and P are noisy.

Unlike the change of a whole activation, D and P are not drowned by what earlier layers
contribute. A tied table stands a second time beside the tensors, as the readout, and the first
attention's logits with the size that they can reach.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from parametrization.check.slopes import (
    ATTENTION_LOGITS,
    InitialStatistic,
    TensorStatistic,
    as_readout_name,
)
from parametrization.check.thresholds import PROPAGATION_BANDS, starts_at_zero
from parametrization.nn.check.layer_effects import AttentionReach, effect, tied_effect
from parametrization.nn.initialise import initialise
from parametrization.nn.layers import TiedReadout, WithMultiplier
from parametrization.nn.parameter_names import owned_parameters
from parametrization.nn.stepping import optimizer_for, recording
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role

Start = Callable[[nn.Module, Sequence[TensorScaling], torch.Generator], None]
Stepping = Callable[[nn.Module, Sequence[TensorScaling]], torch.optim.Optimizer]


@dataclass(frozen=True, slots=True)
class CheckedTraining:
    """A model and its data, as far as the check needs them.

    Attributes:
        build: the model at the width under test; its initial values do not matter.
        loss: of the model on one batch, a scalar tensor.
        batch: by seed and step from 0 on. Equal at every width, so that slopes are paired.
        start: brings a model to step 0; by default as its scalings say. Give your own to check it.
        stepping: what updates the parameters; by default what its scalings name.

    """

    build: Callable[[], nn.Module]
    loss: Callable[[nn.Module, Any], Tensor]
    batch: Callable[[int, int], Any]
    start: Start = initialise
    stepping: Stepping = optimizer_for


def coordinate_statistics(
    training: CheckedTraining,
    scalings: Sequence[TensorScaling],
    *,
    width: int,
    seeds: Iterable[int],
    steps: int = 4,
) -> list[TensorStatistic]:
    """D and P of every tensor at one width.

    The probe is the batch after the last one trained on.

    Args:
        scalings: of the rule under test, at the check's small learning rate.

    Raises:
        ValueError: if the model has a parameter that no statistic is defined for, or a layer
            that the probe does not pass through.

    """
    found = []
    for seed in seeds:
        runs = [
            CheckedRun(training, scalings, zero_readout=zero_readout, seed=seed)
            for zero_readout in (True, False)
        ]
        for run in runs:
            run.train(steps)
        updates, propagations = runs[0].update_rms(), runs[1].propagation_rms()
        found += [
            TensorStatistic(name, width, seed, update, propagations.get(name))
            for name, update in updates.items()
        ]
    return found


def initial_statistics(
    training: CheckedTraining,
    scalings: Sequence[TensorScaling],
    *,
    size: int,
    seeds: Iterable[int],
) -> list[InitialStatistic]:
    """Initial rms times forward multiplier of every tensor at one width (or depth)."""
    return [
        InitialStatistic(name, size, seed, rms)
        for seed in seeds
        for name, rms in CheckedRun(training, scalings, zero_readout=False, seed=seed)
        .initial_rms()
        .items()
    ]


class CheckedRun:
    """One model before and after its updates, with the probe's inputs to every layer."""

    def __init__(
        self,
        training: CheckedTraining,
        scalings: Sequence[TensorScaling],
        *,
        zero_readout: bool,
        seed: int,
    ) -> None:
        self._training, self._scalings, self._seed = training, scalings, seed
        self._model = training.build()
        training.start(self._model, scalings, torch.Generator().manual_seed(seed))
        self._roles = {scaling.name: scaling.role for scaling in scalings}
        self._owned = list(owned_parameters(self._model))
        tied = [module for module in self._model.modules() if isinstance(module, TiedReadout)]
        self._tied = {o.name: t for t in tied for o in self._owned if o.owner is t.embedding}
        if zero_readout and all(starts_at_zero(s.optimizer) for s in scalings):
            self._zero_readouts()
        self._start = {o.name: o.parameter.detach().clone() for o in self._owned}

    def train(self, steps: int) -> None:
        """Take the updates, and look at the probe before and after."""
        probe = self._training.batch(self._seed, steps)
        stepping = self._training.stepping(self._model, self._scalings)
        self._inputs_before = self._seen(probe)
        for step in range(steps):
            stepping.zero_grad()
            with recording(stepping):
                loss = self._training.loss(self._model, self._training.batch(self._seed, step))
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            stepping.step()
        self._inputs_after = self._seen(probe)

    def initial_rms(self) -> dict[str, float]:
        """Of every tensor at step 0, times its layer's multiplier, and the attention's reach."""
        found: dict[str, float] = {}
        for o in self._owned:
            owner, factor = o.owner, 1.0
            if isinstance(owner, WithMultiplier) and o.attribute == "weight":
                factor = owner.multiplier
            found[o.name] = factor * _rms([self._start[o.name]])
        for name, readout in self._tied.items():
            found[as_readout_name(name)] = readout.multiplier * found[name]
        with torch.no_grad(), AttentionReach() as attention:
            self._training.loss(self._model, self._training.batch(self._seed, 0))
        if attention.reach is not None:
            found[ATTENTION_LOGITS] = attention.reach
        return found

    def update_rms(self) -> dict[str, float]:
        """D of every tensor."""
        changes = {o.name: o.parameter.detach() - self._start[o.name] for o in self._owned}
        found = {
            o.name: _rms([effect(o, changes[o.name], x) for x in self._inputs_after[o.owner]])
            for o in self._owned
        }
        for name, readout in self._tied.items():
            found[as_readout_name(name)] = _rms(
                [tied_effect(readout, changes[name], x) for x in self._inputs_after[readout]]
            )
        return found

    def propagation_rms(self) -> dict[str, float]:
        """P of every matrix that reads activations."""
        found = {
            o.name: _rms([effect(o, self._start[o.name], dx) for dx in self._moved(o.owner)])
            for o in self._owned
            if self._roles[o.name] in PROPAGATION_BANDS
        }
        for name, readout in self._tied.items():
            found[as_readout_name(name)] = _rms(
                [tied_effect(readout, self._start[name], dx) for dx in self._moved(readout)]
            )
        return found

    def stream_rms(self, reader: str) -> float:
        """Change of what the layer of the parameter `reader` reads."""
        owner = next(o.owner for o in self._owned if o.name == reader)
        return _rms(self._moved(owner))

    def _moved(self, module: nn.Module) -> list[Tensor]:
        pairs = zip(self._inputs_before[module], self._inputs_after[module], strict=True)
        return [after - before for before, after in pairs]

    def _zero_readouts(self) -> None:
        with torch.no_grad():
            for owned in self._owned:
                if self._roles[owned.name] is Role.OUTPUT:
                    owned.parameter.zero_()

    def _seen(self, probe: object) -> dict[nn.Module, list[Tensor]]:
        """Inputs of every layer on the probe."""
        layers = {owned.owner for owned in self._owned} | set(self._tied.values())
        with torch.no_grad(), _recorded_inputs(layers) as inputs:
            self._training.loss(self._model, probe)
        for owned in self._owned:
            if not inputs[owned.owner]:
                raise ValueError(
                    f"the probe batch does not pass through the layer of {owned.name}: remove the"
                    " layer, or call it as a module in forward"
                )
        return inputs


@contextmanager
def _recorded_inputs(modules: Iterable[nn.Module]) -> Iterator[dict[nn.Module, list[Tensor]]]:
    """First input of every call of every module, in order of the calls."""
    inputs: dict[nn.Module, list[Tensor]] = {module: [] for module in modules}

    def record(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        inputs[module].append(arguments[0].detach())

    handles = [module.register_forward_pre_hook(record) for module in inputs]
    try:
        yield inputs
    finally:
        for handle in handles:
            handle.remove()


def _rms(parts: Sequence[Tensor]) -> float:
    """Over all entries, in fp64: squares of small numbers would vanish in half precision."""
    entries = torch.cat([part.double().flatten() for part in parts])
    return float(entries.square().mean().sqrt())
