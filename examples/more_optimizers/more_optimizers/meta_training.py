"""Meta-training of `learned` on proxies: `python -m more_optimizers.meta_training WEIGHTS.json`.

A proxy is a narrow network of one hidden layer that imitates a random teacher, at a random rate.
The weights are trained by Adam on the mean log loss of each stretch of updates, through the update
function itself; a proxy's gradients count as given, as in Andrychowicz et al. 2016. Every seed is
fixed: the same torch on the same machine writes the same file.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from more_optimizers.declarations import LEARNED
from more_optimizers.learned import INPUTS, UNITS, Weights, init, update_with
from parametrization.nn.updates.update import State

FEATURES: Final = 12
WIDTHS: Final = (8, 16)
BATCH: Final = 32
STRETCH: Final = 16
STRETCHES: Final = 4
PROXIES: Final = 160
META_RATE: Final = 0.01
LOG2_RATES: Final = (-8.0, -4.0)


@dataclass
class Proxy:
    """A network in training, what it imitates, and where its batches come from."""

    generator: torch.Generator
    teacher: list[Tensor]
    parameters: list[Tensor]
    states: list[State]

    def train(self, weights: Weights, rate: float, steps: int) -> Tensor:
        """Losses of `steps` updates, before each of them, differentiable in the weights."""
        hyper = {**LEARNED.defaults, "learning_rate": rate}
        losses = []
        for _ in range(steps):
            x = torch.randn(BATCH, FEATURES, generator=self.generator)
            losses.append(self._loss(self.parameters, x))
            leaves = [parameter.detach().requires_grad_() for parameter in self.parameters]
            gradients = torch.autograd.grad(self._loss(leaves, x), leaves)
            stepped = [
                update_with(weights, parameter, gradient, state, hyper)
                for parameter, gradient, state in zip(
                    self.parameters, gradients, self.states, strict=True
                )
            ]
            self.parameters = [parameter for parameter, _ in stepped]
            self.states = [state for _, state in stepped]
        return torch.stack(losses)

    def forget_how(self) -> None:
        """Keep values and drop what they were computed from."""
        self.parameters = [parameter.detach() for parameter in self.parameters]
        self.states = [{k: v.detach() for k, v in state.items()} for state in self.states]

    def _loss(self, parameters: list[Tensor], x: Tensor) -> Tensor:
        return (_outputs(parameters, x) - _outputs(self.teacher, x)).square().mean()


def new_proxy(seed: int) -> Proxy:
    """One of a width that follows from the seed."""
    generator = torch.Generator().manual_seed(seed)
    width = WIDTHS[seed % len(WIDTHS)]
    teacher, start = (_layers(w, generator) for w in (2 * width, width))
    return Proxy(generator, teacher, start, [init(parameter) for parameter in start])


def starting_weights() -> Weights:
    """Random ones whose step is Adam's."""
    generator = torch.Generator().manual_seed(0)
    return Weights(
        torch.randn(4 * UNITS, INPUTS, generator=generator) / INPUTS**0.5,
        torch.randn(4 * UNITS, UNITS, generator=generator) / UNITS**0.5,
        torch.zeros(4 * UNITS),
        torch.zeros(2, UNITS),
    )


def meta_train(proxies: int = PROXIES) -> Weights:
    """Weights after so many proxies."""
    weights = Weights(*(tensor.requires_grad_() for tensor in starting_weights()))
    meta_optimizer = torch.optim.Adam(weights, lr=META_RATE)
    low, high = LOG2_RATES
    for seed in range(proxies):
        proxy = new_proxy(seed)
        drawn = torch.rand((), generator=torch.Generator().manual_seed(seed))
        rate = 2.0 ** (low + (high - low) * float(drawn))
        for _ in range(STRETCHES):
            meta_loss = proxy.train(weights, rate, STRETCH + 1).log().mean()
            meta_optimizer.zero_grad()
            meta_loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            meta_optimizer.step()
            proxy.forget_how()
    return Weights(*(tensor.detach() for tensor in weights))


def as_json(weights: Weights) -> str:
    """The weights to six digits."""
    listed = {
        name: (1e6 * tensor.double()).round().div(1e6).tolist()
        for name, tensor in weights._asdict().items()
    }
    return json.dumps(listed) + "\n"


def _layers(width: int, generator: torch.Generator) -> list[Tensor]:
    return [
        torch.randn(width, FEATURES, generator=generator) / FEATURES**0.5,
        torch.randn(1, width, generator=generator) / width**0.5,
    ]


def _outputs(parameters: list[Tensor], x: Tensor) -> Tensor:
    first, last = parameters
    return torch.relu(x @ first.T) @ last.T


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(as_json(meta_train()))
