"""An MLP of plain tensors, trained by the update functions: any optimizer for any tensor.

Two hidden matrices between an input layer and a readout, ReLU, cross-entropy on ten classes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from parametrization.nn.initialise import initial_tensor
from parametrization.nn.updates.registry import named
from parametrization.nn.updates.update import (
    CoupledOptimizer,
    CurvatureOptimizer,
    GradientOptimizer,
    LayerSignals,
    State,
)
from parametrization.optimizers.assignment import Assignment, everywhere
from parametrization.optimizers.hyperparameters import names_of
from parametrization.optimizers.registry import declared
from parametrization.rules.policies import Policies
from parametrization.scaling.model_scaling import scale_assigned
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tests.parametrization.nn.small_models import CLASSES, PIXELS, image_batch

LAYERS = ("input", "hidden1", "hidden2", "readout")
Parameters = dict[str, Tensor]


def shape(base_width: int, *, biases: bool = False) -> ModelShape:
    """Base shapes of the MLP; biases on its wide layers if asked for."""
    w = base_width
    weights = (
        TensorShape("input", Role.INPUT, (w, PIXELS), (True, False), 1, 0),
        TensorShape("hidden1", Role.HIDDEN, (w, w), (True, True), 1, 0),
        TensorShape("hidden2", Role.HIDDEN, (w, w), (True, True), 1, 0),
        TensorShape("readout", Role.OUTPUT, (CLASSES, w), (False, True), 1, 0),
    )
    vectors = tuple(
        TensorShape(f"{layer}.bias", Role.VECTOR, (w,), (True,), None, 0) for layer in LAYERS[:3]
    )
    return ModelShape(w, weights + (vectors if biases else ()))


def given(optimizer: str, **values: float) -> dict[str, float]:
    """Hyperparameters at the base width: the declared defaults, and `values`."""
    defaults = declared(optimizer).defaults
    everything = {"init_std": 1.0, "output_multiplier": 1.0, **defaults, **values}
    return {name: everything[name] for name in names_of(optimizer)}


def scalings(
    assignment: Assignment | str,
    hyperparameters: Mapping[str, Mapping[str, float]],
    width: int,
    *,
    base_width: int,
    biases: bool = False,
    policies: Policies | None = None,
) -> tuple[TensorScaling, ...]:
    return scale_assigned(
        shape(base_width, biases=biases),
        hyperparameters,
        Multipliers(width / base_width),
        assignment=everywhere(assignment) if isinstance(assignment, str) else assignment,
        policies=policies or Policies(),
    )


@dataclass
class Training:
    """Parameters, states and what the last forward pass saw."""

    scalings: tuple[TensorScaling, ...]
    parameters: Parameters
    states: dict[str, State]
    losses: list[float]

    @classmethod
    def start(
        cls, scalings: Sequence[TensorScaling], seed: int, *, zero_readout: bool, dtype: torch.dtype
    ) -> "Training":
        generator = torch.Generator().manual_seed(seed)
        parameters = {s.name: _drawn(s, generator).to(dtype) for s in scalings}
        if zero_readout:
            parameters["readout"] = torch.zeros_like(parameters["readout"])
        states = {s.name: named(s.optimizer).init(parameters[s.name]) for s in scalings}
        return cls(tuple(scalings), parameters, states, [])

    def forward(self, x: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What every layer takes in and puts out."""
        multipliers = {s.name: s.multiplier for s in self.scalings}
        inputs, outputs = {}, {}
        for layer in LAYERS:
            inputs[layer] = x * multipliers[layer]
            z = functional.linear(inputs[layer], self.parameters[layer])
            z = z + self.parameters.get(f"{layer}.bias", torch.zeros(()).to(z.dtype))
            outputs[layer] = z
            x = functional.relu(z)
        return inputs, outputs

    def step(self, batch: tuple[Tensor, Tensor]) -> None:
        x, labels = batch
        dtype = self.parameters["input"].dtype
        for parameter in self.parameters.values():
            parameter.requires_grad_()
        inputs, outputs = self.forward(x.to(dtype))
        loss = functional.cross_entropy(outputs["readout"], labels)
        self.losses.append(loss.item())
        names = list(self.parameters)
        wanted = [*self.parameters.values(), *outputs.values()]
        gradients = torch.autograd.grad(loss, wanted)
        by_name = dict(zip(names, gradients[: len(names)], strict=True))
        signals = {
            layer: LayerSignals(inputs[layer].detach(), len(x) * gradient)
            for layer, gradient in zip(outputs, gradients[len(names) :], strict=True)
        }
        self.parameters = {name: p.detach() for name, p in self.parameters.items()}
        self._update(by_name, signals)

    def _update(self, gradients: Parameters, signals: Mapping[str, LayerSignals]) -> None:
        hypers = {s.name: s.hyper for s in self.scalings}
        optimizers = {s.name: named(s.optimizer) for s in self.scalings}
        dual_norm = sum(
            (
                optimizer.contribution(gradients[name], hypers[name])
                for name, optimizer in optimizers.items()
                if isinstance(optimizer, CoupledOptimizer)
            ),
            torch.zeros(()),
        )
        for name, optimizer in optimizers.items():
            old = (self.parameters[name], gradients[name], self.states[name], hypers[name])
            if isinstance(optimizer, GradientOptimizer):
                new = optimizer.update(*old)
            elif isinstance(optimizer, CoupledOptimizer):
                new = optimizer.update(*old, dual_norm)
            else:
                assert isinstance(optimizer, CurvatureOptimizer)
                new = optimizer.update(*old, signals[name])
            self.parameters[name], self.states[name] = new


def _drawn(scaling: TensorScaling, generator: torch.Generator) -> Tensor:
    """In fp64: forms that differ by a factor must start apart by exactly that."""
    if scaling.init_std is None:
        return initial_tensor(scaling, generator).double()
    return scaling.init_std * torch.randn(scaling.shape, generator=generator, dtype=torch.float64)


def trained(
    scalings: Sequence[TensorScaling],
    *,
    seed: int = 0,
    steps: int,
    zero_readout: bool = False,
    dtype: torch.dtype = torch.float64,
    batch_size: int = 64,
) -> Training:
    training = Training.start(scalings, seed, zero_readout=zero_readout, dtype=dtype)
    for step in range(steps):
        training.step(image_batch(seed, step, batch_size))
    return training


def update_sizes(
    scalings: Sequence[TensorScaling], *, seed: int, steps: int = 4, zero_readout: bool = True
) -> dict[str, float]:
    """D of every weight: rms of (W(t) - W(0)) x(t) on a batch that was not trained on."""
    start = Training.start(scalings, seed, zero_readout=zero_readout, dtype=torch.float32)
    end = trained(scalings, seed=seed, steps=steps, zero_readout=zero_readout, dtype=torch.float32)
    with torch.no_grad():
        inputs, _ = end.forward(image_batch(seed, steps)[0])
    return {
        layer: float(
            functional.linear(inputs[layer], end.parameters[layer] - start.parameters[layer])
            .square()
            .mean()
            .sqrt()
        )
        for layer in LAYERS
    }


def slopes(
    scalings_at: Callable[[int], Sequence[TensorScaling]],
    widths: Sequence[int],
    seeds: Sequence[int],
    *,
    zero_readout: bool = True,
) -> dict[str, float]:
    """Least-squares slope of log2 D against log2 width, by layer, over the seeds' means."""
    logs = {
        width: [
            update_sizes(scalings_at(width), seed=seed, zero_readout=zero_readout) for seed in seeds
        ]
        for width in widths
    }
    centre = math.fsum(math.log2(width) for width in widths) / len(widths)
    spread = math.fsum((math.log2(width) - centre) ** 2 for width in widths)
    return {
        layer: math.fsum(
            (math.log2(width) - centre)
            * math.fsum(math.log2(found[layer]) for found in logs[width])
            / len(seeds)
            for width in widths
        )
        / spread
        for layer in LAYERS
    }
