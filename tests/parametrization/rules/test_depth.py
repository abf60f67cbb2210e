"""Depth rules: residual branches, rates by degree, epsilon, and abstention."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.optimizers.lookup import WIDTH_ROWS
from parametrization.optimizers.registry import declared
from parametrization.rules.depth import DEPTH_ROWS, DepthRule, rate_factor, residual_multiplier
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.rules.row import Row
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape, Role
from tests.parametrization.builders import TENSORS, hyperparameters, scale_tensor

MUP = Parametrization.MUP
COMPLETEP, DEPTH_MUP = DepthRule.COMPLETEP, DepthRule.DEPTH_MUP
ALL_TRAINED = [
    (optimizer, role)
    for optimizer, rows in WIDTH_ROWS.items()
    for role, row in rows.items()
    if isinstance(row, Row)
]


def scaled_tensor(
    optimizer: str,
    role: Role,
    policies: Policies,
    depth_mult: float,
    *,
    in_block: bool = True,
    parametrization: Parametrization = MUP,
) -> TensorScaling:
    return scale_tensor(
        replace(TENSORS[role], in_block=in_block),
        hyperparameters(optimizer, weight_decay=0.1)
        if "weight_decay" in declared(optimizer).hyperparameters
        else hyperparameters(optimizer),
        Multipliers(2.0, depth=depth_mult),
        optimizer=optimizer,
        parametrization=parametrization,
        policies=policies,
    )


def ratio(a: float | None, b: float | None) -> float:
    assert a is not None
    assert b is not None
    return a / b


@pytest.mark.parametrize("rule", [DEPTH_MUP, COMPLETEP])
@pytest.mark.parametrize("degree", [-1, 0, 1])
@given(alpha=st.floats(0.5, 1.0), depth=st.floats(0.25, 64.0))
def test_all_blocks_together_move_the_stream_by_a_depth_free_amount(
    rule: DepthRule, degree: int, alpha: float, depth: float
) -> None:
    """L blocks, each: branch multiplier * rate * gradient ** p, and the gradient as the branch."""
    branch = residual_multiplier(rule, alpha, depth)
    update = rate_factor(rule, alpha, degree, depth) * branch**degree
    assert depth * branch * update == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("rule", [DEPTH_MUP, COMPLETEP])
@pytest.mark.parametrize("degree", [-1, 0, 1])
@pytest.mark.parametrize("column", ["rate_at_zero", "rate_of_alpha"])
@pytest.mark.parametrize("shift", [-0.5, 0.5])
def test_a_depth_exponent_that_is_off_by_a_half_moves_the_stream(
    rule: DepthRule, degree: int, column: str, shift: float
) -> None:
    row = DEPTH_ROWS[rule][degree]
    wrong = row._replace(**{column: getattr(row, column) + shift})
    alpha = 0.5 if rule is DEPTH_MUP else 1.0
    assert wrong.rate_at_zero + wrong.rate_of_alpha * alpha != (1 + degree) * alpha - 1


@pytest.mark.parametrize(
    ("optimizer", "alpha", "rate", "epsilon", "decay"),
    [
        ("adamw", 1.0, 0, -1, 0),
        ("adamw", 0.5, -0.5, -0.5, 0.5),
        ("sgd", 1.0, 1, None, -1),
        ("sgd", 0.5, 0, None, 0),
        ("muon_spectral", 1.0, 0, -1, 0),
        ("shampoo_quarter", 1.0, 0, -2, 0),
        ("shampoo_half", 1.0, -1, -2, 1),
        ("shampoo_half", 0.5, -1, -1, 1),
        ("kfac", 1.0, -1, None, 1),
        ("lars", 1.0, 0, None, -1),
        ("lamb", 1.0, 0, -1, 0),
        ("sign_descent", 1.0, 0, None, 0),
    ],
)
def test_hidden_matrices_in_blocks_follow_completep_by_degree(
    optimizer: str, alpha: float, rate: float, epsilon: float | None, decay: float
) -> None:
    """Exponents of mL for AdamW from CompleteP's Table 1, for the others by their degree."""
    policies = Policies(alpha=alpha)
    deep, base = (scaled_tensor(optimizer, Role.HIDDEN, policies, depth) for depth in (4.0, 1.0))
    assert ratio(deep.learning_rate, base.learning_rate) == pytest.approx(4.0**rate)
    assert ratio(deep.weight_decay, base.weight_decay) == pytest.approx(4.0**decay)
    if epsilon is not None:
        assert ratio(deep.epsilon, base.epsilon) == pytest.approx(4.0**epsilon)


def test_sign_descent_scales_its_radius_like_adams_rate() -> None:
    deep, base = (
        scaled_tensor("sign_descent", Role.HIDDEN, Policies(alpha=0.5), d) for d in (4, 1)
    )
    assert ratio(deep.others["radius"], base.others["radius"]) == pytest.approx(4**-0.5)


@pytest.mark.parametrize(("optimizer", "role"), ALL_TRAINED)
def test_tensors_outside_blocks_keep_their_numbers(optimizer: str, role: Role) -> None:
    deep, base = (scaled_tensor(optimizer, role, Policies(), d, in_block=False) for d in (4.0, 1.0))
    assert deep == base


def test_a_qk_norm_gain_follows_depth_by_its_epsilon_alone() -> None:
    deep, base = (scaled_tensor("adamw", Role.QK_NORM_GAIN, Policies(), d) for d in (4.0, 1.0))
    assert deep.learning_rate == base.learning_rate
    assert ratio(deep.epsilon, base.epsilon) == 0.25


@pytest.mark.parametrize("rule", DepthRule)
@pytest.mark.parametrize("parametrization", Parametrization)
def test_only_a_depth_rule_under_mup_reacts_to_depth(
    rule: DepthRule, parametrization: Parametrization
) -> None:
    policies = Policies(depth_rule=rule, alpha=0.5)
    deep, base = (
        scaled_tensor("adamw", Role.HIDDEN, policies, d, parametrization=parametrization)
        for d in (4.0, 1.0)
    )
    follows = rule is not DepthRule.NONE and parametrization is MUP
    assert (deep.learning_rate != base.learning_rate) == follows
    assert (deep.epsilon != base.epsilon) == follows
    assert residual_multiplier(rule, 0.5, 4.0) == (1 if rule is DepthRule.NONE else 0.5)


def test_a_model_without_residual_branches_has_no_depth_rule() -> None:
    def scaled(policies: Policies) -> tuple[TensorScaling, ...]:
        return scale(
            ModelShape(32, (TENSORS[Role.HIDDEN],)),
            hyperparameters("adamw"),
            Multipliers(64 / 32, depth=4.0),
            optimizer="adamw",
            policies=policies,
        )

    with pytest.raises(ValueError, match=r"completep has no row for this model.*residual block"):
        scaled(Policies())
    assert scaled(Policies(depth_rule=DepthRule.NONE))


def test_alpha_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"alpha must be in \[0.5, 1\], got 0.3"):
        Policies(alpha=0.3)


def test_the_reason_names_depth_and_what_it_does() -> None:
    deep = scaled_tensor("sgd", Role.HIDDEN, Policies(), 4.0)
    assert "depth x 4: rate x 4 (completep, alpha 1, medium confidence)" in deep.reason
