"""Every optimizer that a library has takes the library's steps."""

import pytest

from parametrization.optimizers.registry import BUILT_IN
from tests.parametrization.nn.updates.libraries import COMPARED, Compared
from tests.parametrization.nn.updates.trajectories import (
    gradient_optimizer,
    largest_difference,
    moved,
    noisy_quadratic,
    ours,
    random,
    theirs,
)

CASES = [(name, compared) for name, cases in COMPARED.items() for compared in cases]
WITHOUT_A_LIBRARY = {
    "sign_descent",  # test_sign_descent.py: it is the minimiser that it claims to be
    "layer_normalised_sgd",  # its formula
    "lamb",  # Algorithm 2: the library's clamps norms and corrects one moment
    "muon_spectral",  # singular values
    "adamh",  # the published rule
    "muonh",
    "shampoo_half",  # dense matrix powers
    "shampoo_grafted",
    "kfac",  # dense Fisher matrices
    "ekfac",
    "modular_matrix",  # exact duality written out
    "modular_embedding",
    "modular_vector",
}
"""Compared with references of their own in the tests named after them."""


@pytest.mark.parametrize(("name", "compared"), CASES)
def test_an_optimizer_takes_the_steps_of_its_library(name: str, compared: Compared) -> None:
    start, gradient = random(*compared.shape, seed=1), noisy_quadratic(*compared.shape)
    mine = ours(gradient_optimizer(name), start, gradient, compared.hyper)
    library = theirs(compared.library, start, gradient, compared.options)
    assert moved(mine, start) > compared.moves
    assert largest_difference(mine, library) < compared.tolerance


def test_every_optimizer_is_compared_with_something() -> None:
    assert COMPARED.keys() | WITHOUT_A_LIBRARY == BUILT_IN.keys()
