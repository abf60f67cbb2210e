"""Products with a model's Hessian, Gauss-Newton matrix and empirical Fisher, and eigenvalues.

Any model that `torch.func.functional_call` runs, with any loss that is given example by example.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vjp

from parametrization.nn.dynamics.lanczos import Eigenpairs, largest

Losses: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(outputs, targets) -> the loss of every example, [n]."""
Product: TypeAlias = Callable[[Tensor], Tensor]
EDGE: Final = 2.0
"""Curvature times rate beyond which plain gradient descent leaves a quadratic."""


class Matrix(StrEnum):
    HESSIAN = "hessian"  # second derivatives of the mean loss
    GAUSS_NEWTON = "gauss_newton"  # without the curvature of the model itself; never negative
    EMPIRICAL_FISHER = "empirical_fisher"  # mean of g g^T over the examples' own gradients


@dataclass(frozen=True)
class Curvature:
    """The loss of a model on some examples, as a function of the parameters that it trains.

    Attributes:
        model: changes nothing of its own when it is called: in evaluation mode where that matters.
        losses: of every example.

    """

    model: nn.Module
    inputs: Any
    """The model's only argument."""
    targets: Tensor
    losses: Losses

    def product(self, matrix: Matrix) -> Product:
        """Product of the matrix at the model's present parameters and a vector over all of them."""
        return {
            Matrix.HESSIAN: self._hessian,
            Matrix.GAUSS_NEWTON: self._gauss_newton,
            Matrix.EMPIRICAL_FISHER: self._empirical_fisher,
        }[matrix]

    def largest(
        self, matrix: Matrix, count: int = 1, *, seed: int = 0, most_products: int = 200
    ) -> Eigenpairs:
        """The `count` largest eigenvalues and their vectors over all parameters.

        Raises:
            ValueError: if the model has fewer parameters.

        """
        generator = torch.Generator().manual_seed(seed)
        flat = _flat(self._parameters)
        start = torch.randn(flat.shape, generator=generator, dtype=torch.float64).to(flat)
        return largest(self.product(matrix), start, count, most_products=most_products)

    def edge(
        self, rates: Mapping[str, float | Tensor], *, seed: int = 0, most_products: int = 200
    ) -> float:
        """Largest eigenvalue of sqrt(rates) x Hessian x sqrt(rates), over 2.

        From 1 on, plain gradient descent with a rate for every tensor is at the edge of stability:
        its step I - rates x Hessian stretches a direction. With one rate for all it is sharpness
        times rate over 2 (Cohen et al. 2021, arXiv:2103.00065: sharpness rises until there and
        stays). Momentum and adaptive steps have edges of their own.

        Args:
            rates: by parameter, as `named_parameters` names them; one for all of its entries, or
                one for each.

        """
        roots = _flat(
            {
                name: (torch.zeros_like(value) + rates[name]).sqrt()
                for name, value in self._parameters.items()
            }
        )
        generator = torch.Generator().manual_seed(seed)
        start = torch.randn(roots.shape, generator=generator, dtype=torch.float64).to(roots)
        found = largest(
            lambda vector: roots * self._hessian(roots * vector),
            start,
            1,
            most_products=most_products,
        )
        return found.values[0].item() / EDGE

    @property
    def _parameters(self) -> dict[str, Tensor]:
        trained = ((n, value) for n, value in self.model.named_parameters() if value.requires_grad)
        return {name: value.detach() for name, value in trained}

    def _outputs(self, parameters: Mapping[str, Tensor]) -> Tensor:
        outputs: Tensor = functional_call(self.model, dict(parameters), (self.inputs,))
        return outputs

    def _mean(self, outputs: Tensor) -> Tensor:
        return self.losses(outputs, self.targets).mean()

    def _hessian(self, vector: Tensor) -> Tensor:
        def along(parameters: Mapping[str, Tensor]) -> Tensor:
            gradient = grad(lambda values: self._mean(self._outputs(values)))(dict(parameters))
            return _flat(gradient) @ vector

        return _flat(grad(along)(self._parameters))

    def _gauss_newton(self, vector: Tensor) -> Tensor:
        parameters = self._parameters
        outputs, pull, *_ = vjp(self._outputs, parameters)
        moved = _pushed(self._outputs, parameters, self._shaped(vector), outputs)
        curved = grad(lambda values: (grad(self._mean)(values) * moved).sum())(outputs)
        return _flat(pull(curved)[0])

    def _empirical_fisher(self, vector: Tensor) -> Tensor:
        def by_example(parameters: Mapping[str, Tensor]) -> Tensor:
            return self.losses(self._outputs(parameters), self.targets)

        parameters = self._parameters
        losses, pull, *_ = vjp(by_example, parameters)
        along = _pushed(by_example, parameters, self._shaped(vector), losses)
        return _flat(pull(along / len(losses))[0])

    def _shaped(self, vector: Tensor) -> dict[str, Tensor]:
        parameters = self._parameters
        pieces = torch.split(vector, [value.numel() for value in parameters.values()])
        return {
            name: piece.view_as(value)
            for (name, value), piece in zip(parameters.items(), pieces, strict=True)
        }


def _pushed(
    function: Callable[[Mapping[str, Tensor]], Tensor],
    at: Mapping[str, Tensor],
    along: Mapping[str, Tensor],
    like: Tensor,
) -> Tensor:
    """The derivative of a function along a direction, by two backward passes.

    The backward pass is linear in its cotangent, so a second one through it pushes the direction
    forward. Forward mode would do it in one pass, but not every layer has a forward derivative.
    """

    def pulled(cotangent: Tensor) -> Mapping[str, Tensor]:
        back: Mapping[str, Tensor] = vjp(function, at)[1](cotangent)[0]
        return back

    moved: Tensor = vjp(pulled, torch.zeros_like(like))[1](dict(along))[0]
    return moved


def _flat(tensors: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors.values()])
