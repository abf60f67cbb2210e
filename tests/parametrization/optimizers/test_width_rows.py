"""Every row of the rules obeys the laws it was derived from, and no other row does."""

import itertools
from collections.abc import Iterator

import pytest

from parametrization.optimizers.lookup import HYPERPARAMETER_ROWS, WIDTH_ROWS, width_row
from parametrization.optimizers.registry import OPTIMIZERS, declared
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policy_numbers import SoapWidthRule

# WIDTH_RULES
from parametrization.rules.row import Refusal, Row, Scaling
from parametrization.shapes.roles import Role
from tests.parametrization.optimizers.width_laws import (
    STARTS,
    STEPS,
    WIDE,
    Size,
    activation_change,
    expected_epsilon,
    gradient,
    half_entries,
    plus,
    relative_decay,
    start,
    times,
)

MUP = Parametrization.MUP
SIGN_DESCENT = "sign_descent"
SOAPS_CORRECTION = {role: (0.5, 0.0) for role in Role} | {Role.INPUT: (0.0, 0.5)}
NO_DECAY = {o for o in OPTIMIZERS if "weight_decay" not in declared(o).hyperparameters}
ROWS = [
    (optimizer, role)
    for optimizer, rows in WIDTH_ROWS.items()
    for role, row in rows.items()
    if isinstance(row, Row)
]
SOAP = declared("soap").policy_rows
assert SOAP is not None
SOAP_PUBLISHED = SOAP.by_choice[SoapWidthRule.QIU]


def rule_of(optimizer: str, role: Role, parametrization: Parametrization = MUP) -> Scaling:
    return width_row(parametrization, optimizer, role).scaling


def violations(optimizer: str, role: Role, rule: Scaling) -> Iterator[str]:
    """What a row says against the laws."""
    if start(role, rule) != STARTS[role]:
        yield "start"
    if rate_error(optimizer, role, rule) != (0, 0):
        yield "rate"
    epsilon = (0.0, 0.0)
    if optimizer != SIGN_DESCENT:
        epsilon = expected_epsilon(STEPS[optimizer], role, rule)
    if (rule.eps_in, rule.eps_out) != epsilon:
        yield "epsilon"
    if decay_error(optimizer, role, rule) != (0, 0):
        yield "decay"


def rate_error(optimizer: str, role: Role, rule: Scaling) -> tuple[float, float]:
    if optimizer == SIGN_DESCENT:
        return rule.lr_in, rule.lr_out
    error = activation_change(STEPS[optimizer], role, rule)
    # SOAP's rows are empirical: 1/sqrt(m) of what the law asks, along the side that grows
    return plus(error, SOAPS_CORRECTION[role]) if optimizer == "soap" else error


def decay_error(optimizer: str, role: Role, rule: Scaling) -> tuple[float, float]:
    decay = (rule.wd_in, rule.wd_out)
    if optimizer in NO_DECAY:
        return decay
    return plus(decay, relative_decay(optimizer, role, rule))


@pytest.mark.parametrize(("optimizer", "role"), ROWS)
def test_a_row_moves_activations_by_a_width_free_amount_and_decays_by_a_width_free_share(
    optimizer: str, role: Role
) -> None:
    assert list(violations(optimizer, role, rule_of(optimizer, role))) == []


def test_every_exponent_that_is_off_by_a_half_violates_a_law() -> None:
    """Mutation of the whole table: no number in it is unobserved."""
    unseen = [
        (optimizer, role.value, column, shift)
        for optimizer, role in ROWS
        for rule in [rule_of(optimizer, role)]
        for column, shift in itertools.product(Scaling._fields, (-0.5, 0.5))
        if _is_observable(column, role)
        for mutant in [rule._replace(**{column: getattr(rule, column) + shift})]
        if not list(violations(optimizer, role, mutant))
    ]
    assert unseen == []


def _is_observable(column: str, role: Role) -> bool:
    """Exponents of a dimension that does not grow are zeros whatever they are: see below."""
    wide_in, wide_out = WIDE[role]
    return bool(wide_out if column.endswith("_out") else wide_in)


@pytest.mark.parametrize(("optimizer", "role"), ROWS)
def test_exponents_of_a_dimension_that_does_not_grow_are_zero(optimizer: str, role: Role) -> None:
    rule = rule_of(optimizer, role)
    fixed = [column for column in Scaling._fields if not _is_observable(column, role)]
    assert {column: getattr(rule, column) for column in fixed} == dict.fromkeys(fixed, 0.0)


@pytest.mark.parametrize("role", [r for r, row in SOAP_PUBLISHED.items() if isinstance(row, Row)])
def test_the_published_soap_rows_are_those_of_an_orthogonal_step(role: Role) -> None:
    row = SOAP_PUBLISHED[role]
    assert isinstance(row, Row)
    rule = row.scaling
    assert activation_change(STEPS["soap"], role, rule) == (0, 0)
    assert relative_decay("soap", role, rule) == (-rule.wd_in, -rule.wd_out)
    assert rule._replace(lr_in=0, lr_out=0, wd_in=0, wd_out=0) == rule_of("soap", role)._replace(
        lr_in=0, lr_out=0, wd_in=0, wd_out=0
    )


@pytest.mark.parametrize("role", Role)
def test_further_hyperparameters_scale_like_what_they_stand_beside(role: Role) -> None:
    def exponents(optimizer: str, name: str) -> tuple[float, float]:
        return HYPERPARAMETER_ROWS[optimizer, name].exponents.get(role, (0.0, 0.0))

    adam = rule_of("adam", role)
    assert exponents(SIGN_DESCENT, "radius") == (adam.lr_in, adam.lr_out)
    assert exponents("adagrad", "initial_accumulator") == times(2, gradient(role, adam))
    assert exponents("shampoo_grafted", "epsilon_graft") == gradient(role, adam)
    assert exponents("adafactor", "smallest_size") == (adam.init_std, 0)
    if ("ekfac", role) in ROWS:  # damping is of the sum over all entries
        assert exponents("ekfac", "damping") == WIDE[role]


@pytest.mark.parametrize("role", Role)
def test_a_step_of_all_signs_has_a_dual_norm_that_does_not_grow(role: Role) -> None:
    """Sign descent's length is the sum over tensors of radius times l1 norm of the gradient."""
    rule = rule_of(SIGN_DESCENT, role)
    radius = HYPERPARAMETER_ROWS[SIGN_DESCENT, "radius"].exponents.get(role, (0.0, 0.0))
    l1_norm = plus(gradient(role, rule), times(2, half_entries(role)))
    growth = plus(radius, l1_norm)
    internal = role in (Role.FIXED_BOTTLENECK, Role.GQA_KV)  # small: m^-1/2 at the start
    assert sum(growth) == (-0.5 if internal else 0)


@pytest.mark.parametrize(("optimizer", "role"), ROWS)
def test_the_standard_parametrization_scales_nothing_but_initial_tensors(
    optimizer: str, role: Role
) -> None:
    rule = rule_of(optimizer, role, Parametrization.SP)
    assert not any(rule._replace(init_std=0.0))
    assert rule.init_std + WIDE[role][0] / 2 == 0


def test_every_optimizer_says_something_of_every_role() -> None:
    assert {optimizer: set(rows) for optimizer, rows in WIDTH_ROWS.items()} == {
        optimizer: set(Role) for optimizer in OPTIMIZERS
    }
    assert set(STEPS) == set(OPTIMIZERS) - {SIGN_DESCENT}


@pytest.mark.parametrize("optimizer", STEPS)
def test_a_declaration_agrees_with_the_laws_step(optimizer: str) -> None:
    declaration, step = declared(optimizer), STEPS[optimizer]
    assert declaration.step.degree == step.degree
    assert declaration.weight_degree == (step.size is Size.TENSOR)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_refuses_one_vector_refuses_them_all(optimizer: str) -> None:
    vectors = (Role.VECTOR, Role.SCALAR, Role.QK_NORM_GAIN, Role.FINAL_NORM)
    refused = {isinstance(WIDTH_ROWS[optimizer][role], Refusal) for role in vectors}
    assert len(refused) == 1


@pytest.mark.parametrize(
    ("optimizer", "role"),
    [
        ("sgd", Role.FIXED_BOTTLENECK),
        ("sgd_nesterov", Role.GQA_KV),
        ("kfac", Role.FIXED_BOTTLENECK),
        ("muon_spectral", Role.VECTOR),
        ("scion_rms", Role.HIDDEN),
    ],
)
def test_a_refusal_gives_its_reason_and_a_remedy(optimizer: str, role: Role) -> None:
    refusal = WIDTH_ROWS[optimizer][role]
    assert isinstance(refusal, Refusal)
    with pytest.raises(ValueError, match=f"{optimizer} has no rule for the role {role}: ") as said:
        width_row(MUP, optimizer, role)
    assert refusal.reason in str(said.value)
    assert refusal.remedy in str(said.value)


def test_every_row_has_a_source_and_a_grade() -> None:
    for rows in WIDTH_ROWS.values():
        for row in rows.values():
            assert row.evidence.source
            assert set(row.evidence.basis) <= set("TEVD") != set()
            assert row.evidence.basis
            assert row.evidence.confidence in "HML"
