"""SOAP against the paper's algorithm in fp64 numpy: libraries decompose in float32."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from pytorch_optimizer import SOAP as LIBRARY_SOAP
from torch import Tensor

from parametrization.nn.updates.soap import init
from tests.parametrization.nn.updates.trajectories import (
    gradient_optimizer,
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    referenced,
    theirs,
)

SHAPE = (5, 4)
SOAP = gradient_optimizer("soap")
HYPER = {
    "learning_rate": 0.05,
    "beta1": 0.8,
    "beta2": 0.9,
    "beta_factors": 0.85,
    "epsilon": 1e-4,
    "weight_decay": 0.3,
}
OPTIONS: dict[str, Any] = {
    "lr": 0.05,
    "betas": (0.8, 0.9),
    "shampoo_beta": 0.85,
    "eps": 1e-4,
    "weight_decay": 0.3,
}


def test_a_side_beyond_the_longest_keeps_the_identity() -> None:
    """As the library with one side alone, whose decompositions are float32."""
    start, gradient = random(*SHAPE, seed=1), noisy_quadratic(*SHAPE)
    one_sided = replace(SOAP, init=partial(init, longest_side=4))
    mine = ours(one_sided, start, gradient, HYPER)
    assert "left" not in one_sided.init(start)
    options = {**OPTIONS, "precondition_frequency": 1, "max_precondition_dim": 4}
    assert largest_difference(mine, theirs(LIBRARY_SOAP, start, gradient, options)) < 1e-6


class Reference:
    """Algorithm 3 with a refresh every step, on numpy arrays."""

    def __init__(self) -> None:
        self.mean, self.square = np.zeros(SHAPE), np.zeros(SHAPE)
        self.factors = [np.zeros((5, 5)), np.zeros((4, 4))]
        self.bases: list[np.ndarray] = []

    def step_of(self, parameter: Tensor, gradient: Tensor, step: int) -> Tensor:
        w, g = parameter.numpy(), gradient.numpy()
        if step > 1:
            w = self.adam_in_the_basis(w, g, step - 1)
        squares = (g @ g.T, g.T @ g)
        self.factors = [0.85 * f + 0.15 * s for f, s in zip(self.factors, squares, strict=True)]
        if step == 1:
            self.bases = [np.linalg.eigh(f)[1][:, ::-1] for f in self.factors]
        else:
            self.iterate_bases()
        return torch.from_numpy(w)

    def adam_in_the_basis(self, w: np.ndarray, g: np.ndarray, count: int) -> np.ndarray:
        left, right = self.bases
        self.mean = 0.8 * self.mean + 0.2 * g
        self.square = 0.9 * self.square + 0.1 * (left.T @ g @ right) ** 2
        mean = left.T @ self.mean @ right / (1 - 0.8**count)
        size = np.sqrt(self.square / (1 - 0.9**count)) + 1e-4 / np.sqrt(1 - 0.9**count)
        stepped: np.ndarray = w - 0.05 * left @ (mean / size) @ right.T
        return stepped * (1 - 0.05 * 0.3)

    def iterate_bases(self) -> None:
        for axis, factor in enumerate(self.factors):
            moved_basis = factor @ self.bases[axis]
            order = np.argsort(-np.sum(self.bases[axis] * moved_basis, axis=0))
            self.square = np.take(self.square, order, axis=axis)
            self.bases[axis] = np.linalg.qr(moved_basis[:, order])[0]


def test_soap_equals_its_algorithm_in_double_precision() -> None:
    start, gradient = random(*SHAPE, seed=1), noisy_quadratic(*SHAPE)
    mine = ours(SOAP, start, gradient, HYPER)
    assert moved(mine, start) > 0.1
    assert largest_difference(mine, referenced(Reference().step_of, start, gradient)) < 1e-11


def test_the_first_gradient_moves_nothing() -> None:
    start, gradient = random(*SHAPE, seed=1), noisy_quadratic(*SHAPE)
    first, second = ours(SOAP, start, gradient, HYPER, steps=2)
    assert torch.equal(first, start)
    assert not torch.equal(second, start)
