"""What a few updates do to each tensor's share of the activations, measured on a real model.

Two statistics per tensor, on one probe batch, after `steps` updates at a small rate:

- D, the rms of dW(t) x(t) with the readout starting at zero (a bias: of db; a gain: of dgamma
  times the normalised input). It sees a wrong learning rate or forward multiplier.
- P, the rms of W(0) (x(t) - x(0)) with the readout as initialised. It sees a wrong
  initialisation, which D cannot.

Unlike the change of a whole activation, neither is drowned by what earlier layers contribute.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.coordinate_slopes import TensorStatistic
from parametrization.initialise import initialise
from parametrization.layers import Readout
from parametrization.param_groups import build_optimizer, param_groups
from parametrization.parameter_names import OwnedParameter, owned_parameters
from parametrization.roles import Role
from parametrization.rules import Optimizer
from parametrization.scaling import TensorScaling


@dataclass(frozen=True, slots=True)
class CheckedTraining:
    """A model and its data, as far as the check needs them.

    Attributes:
        build: the model at the width under test; its initial values do not matter.
        loss: of the model on one batch, a scalar tensor.
        batch: by seed and step from 0 on. Equal at every width, so that slopes are paired.

    """

    build: Callable[[], nn.Module]
    loss: Callable[[nn.Module, Any], Tensor]
    batch: Callable[[int, int], Any]


def coordinate_statistics(
    training: CheckedTraining,
    scalings: Sequence[TensorScaling],
    *,
    optimizer: Optimizer,
    hyperparameters: Mapping[str, float],
    width: int,
    seeds: Iterable[int],
    steps: int = 4,
) -> list[TensorStatistic]:
    """Both statistics of every tensor at one width.

    The probe is the batch after the last one trained on.

    Args:
        scalings: of the rule under test, at the check's small learning rate.
        hyperparameters: for betas or momentum.

    Raises:
        ValueError: if the model has a parameter that no statistic is defined for, or a layer
            that the probe does not pass through.

    """
    found = []
    for seed in seeds:
        runs = [
            _Run(training, scalings, zero_readout=zero_readout, seed=seed)
            for zero_readout in (True, False)
        ]
        for run in runs:
            run.train(optimizer, hyperparameters, steps)
        updates, propagations = runs[0].update_rms(), runs[1].propagation_rms()
        found += [
            TensorStatistic(s.name, width, seed, updates[s.name], propagations.get(s.name))
            for s in scalings
        ]
    return found


class _Run:
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
        initialise(self._model, scalings, torch.Generator().manual_seed(seed))
        self._roles = {scaling.name: scaling.role for scaling in scalings}
        self._owned = list(owned_parameters(self._model))
        if zero_readout:
            self._zero_readouts()
        self._start = {o.name: o.parameter.detach().clone() for o in self._owned}

    def train(self, optimizer: Optimizer, hyperparameters: Mapping[str, float], steps: int) -> None:
        probe = self._training.batch(self._seed, steps)
        stepping = build_optimizer(
            param_groups(self._model, self._scalings), optimizer, hyperparameters
        )
        self._inputs_before = self._inputs(probe)
        for step in range(steps):
            stepping.zero_grad()
            loss = self._training.loss(self._model, self._training.batch(self._seed, step))
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            stepping.step()
        self._inputs_after = self._inputs(probe)

    def update_rms(self) -> dict[str, float]:
        """D of every tensor."""
        return {
            o.name: _rms(
                [
                    _effect(o, o.parameter.detach() - self._start[o.name], x)
                    for x in self._inputs_after[o.owner]
                ]
            )
            for o in self._owned
        }

    def propagation_rms(self) -> dict[str, float]:
        """P of every matrix that reads activations."""
        return {
            o.name: _rms(
                [
                    _effect(o, self._start[o.name], after - before)
                    for before, after in zip(
                        self._inputs_before[o.owner], self._inputs_after[o.owner], strict=True
                    )
                ]
            )
            for o in self._owned
            if self._roles[o.name] in (Role.HIDDEN, Role.OUTPUT)
        }

    def _zero_readouts(self) -> None:
        with torch.no_grad():
            for owned in self._owned:
                if self._roles[owned.name] is Role.OUTPUT:
                    owned.parameter.zero_()

    def _inputs(self, probe: object) -> dict[nn.Module, list[Tensor]]:
        owners = {owned.owner for owned in self._owned}
        with torch.no_grad(), _recorded_inputs(owners) as inputs:
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


def _readout(module: nn.Module, weight: Tensor, x: Tensor) -> Tensor:
    assert isinstance(module, Readout)
    return functional.linear(module.multiplier * x, weight)


def _linear(module: nn.Module, weight: Tensor, x: Tensor) -> Tensor:
    return functional.linear(x, weight)


def _embedding(module: nn.Module, weight: Tensor, x: Tensor) -> Tensor:
    return functional.embedding(x, weight)


def _layer_norm(module: nn.Module, gain: Tensor, x: Tensor) -> Tensor:
    assert isinstance(module, nn.LayerNorm)
    return gain * functional.layer_norm(x, module.normalized_shape, eps=module.eps)


def _rms_norm(module: nn.Module, gain: Tensor, x: Tensor) -> Tensor:
    assert isinstance(module, nn.RMSNorm)
    return gain * functional.rms_norm(x, module.normalized_shape, eps=module.eps)


_WEIGHT_EFFECTS: Final = (
    (Readout, _readout),  # a Linear too: before it
    (nn.Linear, _linear),
    (nn.Embedding, _embedding),
    (nn.LayerNorm, _layer_norm),
    (nn.RMSNorm, _rms_norm),
)


def _effect(owned: OwnedParameter, value: Tensor, x: Tensor) -> Tensor:
    """What `value` in place of the parameter adds to its layer's output for the input `x`."""
    if owned.attribute == "bias":
        return value
    for kind, effect in _WEIGHT_EFFECTS:
        if isinstance(owned.owner, kind):
            return effect(owned.owner, value, x)
    raise ValueError(
        f"the coordinate check has no statistic for {owned.name}"
        f" of {type(owned.owner).__name__}: build the layer from Linear, Embedding, LayerNorm,"
        " RMSNorm or parametrization.layers.Readout"
    )


def _rms(parts: Sequence[Tensor]) -> float:
    """Over all entries, in fp64: squares of small numbers would vanish in half precision."""
    entries = torch.cat([part.double().flatten() for part in parts])
    return float(entries.square().mean().sqrt())
