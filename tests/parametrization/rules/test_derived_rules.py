"""Rows derived from a degree are those that were written by hand, wherever both exist."""

from itertools import product

import pytest

from parametrization.optimizers.lookup import WIDTH_ROWS
from parametrization.optimizers.registry import declared
from parametrization.rules.depth import DepthRule, depth_row
from parametrization.rules.row import Refusal, Row
from parametrization.rules.step import Step, StepKind
from parametrization.rules.width.derived import (
    DERIVED,
    derived_rows,
    ratio_exponents,
    size_exponents,
)
from parametrization.shapes.roles import Role
from tests.parametrization.optimizers.width_laws import WIDE

ENTRIES, TENSOR = StepKind
BY_HAND = {
    "adam": Step(degree=0),
    "adamw": Step(degree=0),
    "lion": Step(degree=0),
    "rmsprop": Step(degree=0),
    "sgd": Step(degree=1),
    "layer_normalised_sgd": Step(degree=0, kind=TENSOR),
    "shampoo_quarter": Step(degree=0, kind=TENSOR),
    "shampoo_half": Step(degree=-1, kind=TENSOR),
    "kfac": Step(degree=-1, kind=TENSOR),
}
ELEMENTWISE = ("adam", "adamw", "lion", "rmsprop", "sgd", "layer_normalised_sgd")
STEPS = [Step(degree=p, kind=kind) for p, kind in product((-1, -0.5, 0, 0.5, 1, 2), StepKind)]


def derived(optimizer: str) -> dict[Role, Row | Refusal]:
    one = declared(optimizer)
    return derived_rows(
        BY_HAND[optimizer],
        epsilon_power=one.epsilon_power if "epsilon" in one.hyperparameters else 0,
        decays="weight_decay" in one.hyperparameters,
    )


@pytest.mark.parametrize(("optimizer", "role"), list(product(BY_HAND, Role)))
def test_a_derived_row_is_the_one_written_by_hand(optimizer: str, role: Role) -> None:
    written, found = WIDTH_ROWS[optimizer][role], derived(optimizer)[role]
    if isinstance(written, Row):
        assert isinstance(found, Row)
        assert found.scaling == written.scaling
    elif optimizer in ELEMENTWISE:
        assert isinstance(found, Refusal)
    else:  # a matrix optimizer is refused where there is no matrix: a plugin's may do without
        assert role not in (Role.INPUT, Role.HIDDEN, Role.OUTPUT)


@pytest.mark.parametrize(("step", "role"), list(product(STEPS, Role)))
def test_a_derived_rate_changes_activations_by_a_width_free_amount(step: Step, role: Role) -> None:
    """Gradients as the chain rule gives them, and a rank that does not grow."""
    row = derived_rows(step)[role]
    if isinstance(row, Refusal):
        assert step.degree != 0
        return
    rule, (wide_in, wide_out) = row.scaling, WIDE[role]
    entry = size_exponents(1, ENTRIES)[role]
    entries = (0.5 * wide_in, 0.5 * wide_out) if step.kind is TENSOR else (0.0, 0.0)
    for axis, rate in enumerate((rule.lr_in, rule.lr_out)):
        step_size = step.degree * (entry[axis] + entries[axis]) - entries[axis]
        coherent_sum = wide_in + rule.multiplier if axis == 0 else 0
        assert rate + step_size + coherent_sum == 0


@pytest.mark.parametrize(("step", "role"), list(product(STEPS, (Role.OUTPUT, Role.MOE_ROUTER))))
def test_a_multiplier_theta_asks_for_a_rate_divided_by_theta_to_one_plus_the_degree(
    step: Step, role: Role
) -> None:
    """Without the readout's 1/m, an entry changes by 1/m and its gradient is m times as large."""
    row = derived_rows(step)[role]
    assert isinstance(row, Row)
    spread = 0.5 if step.kind is TENSOR else 0.0
    without_multiplier = -1 + spread - step.degree * (0 + spread)
    assert row.scaling.lr_in == without_multiplier + (1 + step.degree)


def test_the_ratio_of_two_rates_is_the_quotient_of_their_rows() -> None:
    ratios = ratio_exponents(Step(degree=1), Step(degree=0))
    assert ratios[Role.HIDDEN] == (0, 1)
    assert ratios[Role.OUTPUT] == (1, 0)
    assert ratios[Role.SCALAR] == (0, 0)


def test_derived_rows_say_so_and_claim_little() -> None:
    rows = derived_rows(Step(degree=0))
    assert {row.evidence for row in rows.values()} == {DERIVED}
    assert (DERIVED.label, DERIVED.basis, DERIVED.confidence) == ("derived", "D", "L")


@pytest.mark.parametrize("rule", DepthRule)
def test_other_degrees_follow_the_formula_of_the_depth_rows(rule: DepthRule) -> None:
    between, rows = depth_row(rule, 0.5), (depth_row(rule, 0), depth_row(rule, 1))
    assert between.rate_at_zero == rows[0].rate_at_zero == rows[1].rate_at_zero
    assert 2 * between.rate_of_alpha == rows[0].rate_of_alpha + rows[1].rate_of_alpha
