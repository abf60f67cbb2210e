"""Batch and token rules: the published table, its bounds, and refusals beyond it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.optimizers.lookup import WIDTH_ROWS
from parametrization.optimizers.registry import OPTIMIZERS
from parametrization.rules.horizon import HorizonRule, scaled_memory
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.rules.row import Row
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role, TensorShape
from tests.parametrization.builders import TENSORS, hyperparameters, scale_tensor

MUP, SP = Parametrization.MUP, Parametrization.SP
UNCOVERED = sorted(
    name for name, one in OPTIMIZERS.items() if HorizonRule.COMPLETE_D not in one.horizon
)


def scale(
    optimizer: str,
    rule: HorizonRule,
    batch: float,
    tokens: float,
    *,
    tensor: TensorShape = TENSORS[Role.HIDDEN],
    parametrization: Parametrization = MUP,
    **overrides: float,
) -> TensorScaling:
    return scale_tensor(
        tensor,
        hyperparameters(optimizer, **overrides),
        Multipliers(2.0, batch=batch, tokens=tokens),
        optimizer=optimizer,
        parametrization=parametrization,
        policies=Policies(horizon_rule=rule),
    )


@pytest.mark.parametrize("parametrization", Parametrization)
@given(batch=st.floats(0.5, 2.0), tokens=st.floats(0.5, 1.9))
def test_complete_d_is_the_published_table_and_decays_per_token_as_before(
    parametrization: Parametrization, batch: float, tokens: float
) -> None:
    base = scale("adamw", HorizonRule.NONE, 1, 1, parametrization=parametrization)
    at = scale("adamw", HorizonRule.COMPLETE_D, batch, tokens, parametrization=parametrization)
    assert at.epsilon is not None
    assert base.epsilon is not None
    s = batch / tokens
    assert at.learning_rate / base.learning_rate == pytest.approx(math.sqrt(s))
    assert at.weight_decay / base.weight_decay == pytest.approx(math.sqrt(s))
    assert at.epsilon / base.epsilon == pytest.approx(math.sqrt(1 / s))
    assert 1 - at.others["beta1"] == pytest.approx((1 - 0.9) * s)
    assert 1 - at.others["beta2"] == pytest.approx((1 - 0.95) * s)
    assert not at.extrapolated
    steps = tokens / batch
    assert at.learning_rate * at.weight_decay * steps == pytest.approx(
        base.learning_rate * base.weight_decay
    )


def test_epsilon_by_the_batch_alone_is_a_choice() -> None:
    rule = HorizonRule.COMPLETE_D_BATCH_EPSILON
    base, at = (scale("adamw", rule, *mults) for mults in ((1, 1), (2, 4)))
    assert at.epsilon is not None
    assert base.epsilon is not None
    assert at.epsilon / base.epsilon == pytest.approx(2**-0.5)
    assert at.learning_rate == scale("adamw", HorizonRule.COMPLETE_D, 2, 4).learning_rate


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop"])
def test_sde_sqrt_doubles_the_forgetting_with_the_batch(optimizer: str) -> None:
    base, at = (scale(optimizer, HorizonRule.SDE_SQRT, batch, 1) for batch in (1, 2))
    assert at.epsilon is not None
    assert base.epsilon is not None
    assert at.learning_rate / base.learning_rate == pytest.approx(2**0.5)
    assert at.epsilon / base.epsilon == pytest.approx(2**-0.5)
    assert 1 - at.others["beta2"] == pytest.approx(2 * 0.05)
    if optimizer == "rmsprop":
        assert at.others["momentum"] == base.others["momentum"]


@pytest.mark.parametrize("optimizer", ["sgd", "sgd_nesterov"])
def test_linear_scaling_multiplies_sgds_rate_by_the_batch_and_nothing_else(
    optimizer: str,
) -> None:
    base, at = (scale(optimizer, HorizonRule.LINEAR, b, 1, weight_decay=0.1) for b in (1, 8))
    assert at.learning_rate / base.learning_rate == 8
    assert (at.weight_decay, at.others) == (base.weight_decay, base.others)


def test_power_lines_moves_the_decay_and_keeps_the_rate() -> None:
    base, at = (scale("adamw", HorizonRule.POWER_LINES, b, 1) for b in (1, 8))
    assert (at.learning_rate, at.others) == (base.learning_rate, base.others)
    assert at.weight_decay / base.weight_decay == pytest.approx(8)


@given(beta=st.floats(0.0, 0.999), ratio=st.floats(2**-10, 2**10))
def test_a_memory_is_the_formula_where_tested_a_power_beyond_and_never_nonsense(
    beta: float, ratio: float
) -> None:
    try:
        scaled = scaled_memory("beta1", beta, ratio)
    except ValueError as refusal:
        assert 1 / 8 <= ratio <= 4  # either outcome is right, for its own inputs
        assert (1 - beta) * ratio >= 1
        assert "1 - beta1 would be" in str(refusal)  # noqa: PT017
        return
    assert 0 <= scaled.beta <= 1
    if beta and not 1 / 8 <= ratio <= 4:
        assert scaled == (beta**ratio, True)
    elif beta:
        assert scaled.beta == pytest.approx(1 - (1 - beta) * ratio)
        assert not scaled.extrapolated
    else:
        assert scaled == (0.0, False)


def test_the_formula_that_fails_at_ten_times_the_batch_is_replaced_and_marked() -> None:
    """1 - 0.1 * 16 is negative: the power is taken, and the reason says so."""
    at = scale("adamw", HorizonRule.COMPLETE_D, 16, 1)
    assert at.others["beta1"] == pytest.approx(0.9**16)
    assert at.extrapolated
    assert "extrapolated beyond the tested range" in at.reason


def test_a_memory_that_cannot_follow_is_refused_with_the_number_that_could() -> None:
    with pytest.raises(ValueError, match=r"beta1=0.5 cannot follow.*raise beta1 above 0.75"):
        scale("adamw", HorizonRule.COMPLETE_D, 4, 1, beta1=0.5)


@pytest.mark.parametrize("optimizer", UNCOVERED)
def test_an_optimizer_without_a_row_is_refused_once_the_batch_changes(optimizer: str) -> None:
    trained = next(r for r, row in WIDTH_ROWS[optimizer].items() if isinstance(row, Row))
    tensor = TENSORS[trained]
    with pytest.raises(ValueError, match=f"complete-d has no row for {optimizer}: "):
        scale(optimizer, HorizonRule.COMPLETE_D, 2, 1, tensor=tensor)
    assert scale(optimizer, HorizonRule.COMPLETE_D, 1, 1, tensor=tensor)
    assert scale(optimizer, HorizonRule.NONE, 2, 2, tensor=tensor)


def test_a_refusal_names_the_rule_that_would_do() -> None:
    with pytest.raises(ValueError, match="use linear"):
        scale("sgd", HorizonRule.COMPLETE_D, 2, 1)


@pytest.mark.parametrize(
    ("rule", "optimizer"),
    [
        (HorizonRule.SDE_SQRT, "adamw"),
        (HorizonRule.LINEAR, "sgd"),
        (HorizonRule.POWER_LINES, "adamw"),
    ],
)
def test_rules_at_equal_tokens_refuse_other_tokens(rule: HorizonRule, optimizer: str) -> None:
    with pytest.raises(ValueError, match=r"holds the number of tokens still, got token_mult=2"):
        scale(optimizer, rule, 1, 2)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "lion", "muon_spectral"])
@given(batch=st.floats(0.01, 100), tokens=st.floats(0.01, 1e4))
def test_steps_of_fixed_length_follow_the_number_of_updates_and_keep_the_rest(
    optimizer: str, batch: float, tokens: float
) -> None:
    """The minimum of a / (rate * updates) + b * rate lies at sqrt(a / (b * updates))."""
    base = scale(optimizer, HorizonRule.NONE, 1, 1)
    at = scale(optimizer, HorizonRule.LMO, batch, tokens)
    updates = tokens / batch
    assert at.learning_rate / base.learning_rate == pytest.approx(updates**-0.5)
    assert (at.weight_decay, at.epsilon, at.others) == (
        base.weight_decay,
        base.epsilon,
        base.others,
    )


@pytest.mark.parametrize("optimizer", ["sgd", "shampoo_half", "kfac"])
def test_a_step_that_is_not_of_fixed_length_has_no_row_of_that_bound(optimizer: str) -> None:
    with pytest.raises(ValueError, match="horizon_rule lmo has no row for"):
        scale(optimizer, HorizonRule.LMO, 2, 1)
