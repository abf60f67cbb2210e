"""Coordinate slopes of the rows, measured with the real update functions on a small MLP.

D = rms of (W(t) - W(0)) x(t) after four updates at a small rate, widths 128 to 512, two seeds
paired over widths. A right row shows a slope near 0; a rate wrong by a half or whole power shows
0.35 and more in the layer concerned.
"""

from dataclasses import replace
from typing import Final, NamedTuple

import pytest

from parametrization.optimizers.assignment import Assignment, everywhere, matrices_with
from parametrization.rules.policies import Policies
from parametrization.rules.policy_numbers import SoapWidthRule
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role
from tests.parametrization.nn.functional_mlp import given, scalings, slopes

WIDTHS: Final = (128, 256, 512)
BASE: Final = WIDTHS[0]
WRONG: Final = 0.35
ADAMW: Final = given("adamw", learning_rate=2.0**-12)
QIU: Final = Policies(soap_width_rule=SoapWidthRule.QIU)


class Measured(NamedTuple):
    """One measurement: small rate, readout start, and the largest |slope| that passes."""

    optimizer: str
    rate: float
    zero_readout: bool = True
    companion: bool = False  # adamw on everything but hidden matrices
    values: tuple[tuple[str, float], ...] = ()
    policies: Policies = Policies()
    seeds: int = 2
    threshold: float = 0.20


FAST: Final = [
    Measured("sgd", 2.0**-7, seeds=6, values=(("momentum", 0.0),)),
    Measured("sgd", 2.0**-7, seeds=6),
    Measured("sgd_nesterov", 2.0**-7, seeds=6),
    Measured("adam", 2.0**-12),
    Measured("adamw", 2.0**-12),
    Measured("adagrad", 2.0**-12),
    Measured("rmsprop", 2.0**-13),
    Measured("schedule_free_adamw", 2.0**-12),
    Measured("lion", 2.0**-13),
    Measured("sign_descent", 2.0**-13),
    Measured("layer_normalised_sgd", 2.0**-6),
    # Trust is 1 where the readout starts at zero; one that does not adds a transient to its slope.
    Measured("lars", 2.0**-2, zero_readout=False, threshold=0.30),
    Measured("lamb", 2.0**-9, zero_readout=False, threshold=0.30),
    Measured("adafactor", 2.0**-9),
    Measured("muon_spectral", 2.0**-8, companion=True),
    Measured("muon_original", 2.0**-8, companion=True),
    Measured("muon_match_rms_adamw", 2.0**-12, companion=True),
    Measured("adamh", 2.0**-9, companion=True),
    Measured("muonh", 2.0**-8, companion=True),
    Measured("muon_spectral", 2.0**-8),
    Measured("modular_matrix", 2.0**-8),
]
SLOW: Final = [
    Measured("shampoo_quarter", 2.0**-8, companion=True),
    Measured("shampoo_half", 2.0**-14, zero_readout=False, values=(("epsilon", 1e-6),)),
    Measured("shampoo_grafted", 2.0**-12, companion=True),
    Measured("soap", 2.0**-11, zero_readout=False),
    Measured("soap", 2.0**-11, companion=True, values=(("epsilon", 1e-4),), policies=QIU),
    Measured("kfac", 2.0**-8, zero_readout=False),
    Measured("ekfac", 2.0**-10, zero_readout=False, values=(("damping", 1.0),)),
]


def scalings_at(case: Measured, width: int) -> tuple[TensorScaling, ...]:
    own = given(case.optimizer, learning_rate=case.rate, **dict(case.values))
    assignment: Assignment = everywhere(case.optimizer)
    if case.companion:
        assignment = matrices_with(case.optimizer)
    hyper = {case.optimizer: own, **({"adamw": ADAMW} if case.companion else {})}
    return scalings(assignment, hyper, width, base_width=BASE, policies=case.policies)


def measured(case: Measured) -> dict[str, float]:
    return slopes(
        lambda width: scalings_at(case, width),
        WIDTHS,
        range(case.seeds),
        zero_readout=case.zero_readout,
    )


def name_of(case: Measured) -> str:
    return f"{case.optimizer}{'-with-adamw' if case.companion else ''}"


@pytest.mark.parametrize(
    "case",
    [*FAST, *(pytest.param(case, marks=pytest.mark.slow) for case in SLOW)],
    ids=lambda case: name_of(case),
)
def test_a_rows_updates_move_every_layer_by_a_width_free_amount(case: Measured) -> None:
    found = measured(case)
    assert {layer: slope for layer, slope in found.items() if abs(slope) > case.threshold} == {}


@pytest.mark.parametrize("optimizer", ["adamw", "lion", "sgd", "muon_spectral", "adafactor"])
@pytest.mark.parametrize("role", [Role.INPUT, Role.HIDDEN, Role.OUTPUT])
@pytest.mark.parametrize("error", [-0.5, 0.5])
def test_a_rate_that_is_wrong_by_half_a_power_is_seen_in_its_layer(
    optimizer: str, role: Role, error: float
) -> None:
    case = next(case for case in FAST if case.optimizer == optimizer and not case.companion)
    layer = {Role.INPUT: "input", Role.HIDDEN: "hidden2", Role.OUTPUT: "readout"}[role]

    def wrong(width: int) -> tuple[TensorScaling, ...]:
        factor = (width / BASE) ** error
        return tuple(
            replace(s, learning_rate=s.learning_rate * factor) if s.role is role else s
            for s in scalings_at(case, width)
        )

    found = slopes(wrong, WIDTHS, range(2), zero_readout=case.zero_readout)
    assert found[layer] * error > 0
    assert abs(found[layer]) > WRONG


@pytest.mark.slow
def test_ekfac_with_damping_of_the_mean_square_does_not_transfer() -> None:
    """Why its damping has a row: the mean over all entries vanishes beside the largest."""
    case = Measured("ekfac", 2.0**-10, zero_readout=False, values=(("damping", 1.0),))

    def unscaled(width: int) -> tuple[TensorScaling, ...]:
        return tuple(
            replace(s, others={**s.others, "damping": 1.0}) for s in scalings_at(case, width)
        )

    found = slopes(unscaled, (64, 128, 256), range(2), zero_readout=False)
    assert found["hidden1"] > WRONG
    assert found["hidden2"] > WRONG


def test_lars_decay_is_of_sgds_rows() -> None:
    """The row that the reference had at 1: a constant decay grows beside a shrinking gradient."""
    hyper = {"lars": given("lars", learning_rate=1.0, weight_decay=0.1)}
    narrow, wide = (scalings("lars", hyper, width, base_width=BASE) for width in (128, 512))
    ratios = [b.weight_decay / a.weight_decay for a, b in zip(narrow, wide, strict=True)]
    assert ratios == [1 / 4, 1, 1, 1 / 4]
