"""Every row of the rules obeys the laws it was derived from."""

from itertools import product
from typing import Final

import pytest

from parametrization.roles import Role
from parametrization.rules import WIDTH_RULES, Optimizer, Parametrization

ADAM, ADAMW, SGD = Optimizer
MUP = Parametrization.MUP
WIDTH_ROLES: Final = list(Role)[:5]  # the others are rows of their own making
INPUT, HIDDEN, OUTPUT, VECTOR, SCALAR = WIDTH_ROLES
REFUSED: Final = {(MUP, SGD, Role.FIXED_BOTTLENECK), (MUP, SGD, Role.GQA_KV)}

# Exponents of (m_in, m_out) in one entry's gradient: what is back-propagated is divided by the
# readout's multiplier once, and is the smaller the wider the layer it reaches.
GRADIENT: Final = {
    INPUT: (0, -1),
    HIDDEN: (0, -1),
    OUTPUT: (-1, 0),
    VECTOR: (0, -1),
    SCALAR: (0, 0),
}
# Of the sum over the fan-in that an update takes part in.
SUMMED: Final = {INPUT: (0, 0), HIDDEN: (1, 0), OUTPUT: (1, 0), VECTOR: (0, 0), SCALAR: (0, 0)}
# An entry's update at learning rate 1 is of the gradient's size to this power.
GRADIENT_POWER: Final = {ADAM: 0, ADAMW: 0, SGD: 1}

ROWS = list(product(Optimizer, WIDTH_ROLES))


@pytest.mark.parametrize(("optimizer", "role"), ROWS)
def test_an_update_moves_activations_by_a_width_free_amount(
    optimizer: Optimizer, role: Role
) -> None:
    rule, power = WIDTH_RULES[MUP, optimizer, role], GRADIENT_POWER[optimizer]
    gradient_in, gradient_out = GRADIENT[role]
    summed_in, summed_out = SUMMED[role]
    assert rule.multiplier + rule.lr_in + power * gradient_in + summed_in == 0
    assert rule.lr_out + power * gradient_out + summed_out == 0


@pytest.mark.parametrize(("optimizer", "role"), ROWS)
def test_epsilon_is_of_the_gradients_size(optimizer: Optimizer, role: Role) -> None:
    rule = WIDTH_RULES[MUP, optimizer, role]
    expected = (0, 0) if optimizer is SGD else GRADIENT[role]
    assert (rule.eps_in, rule.eps_out) == expected


@pytest.mark.parametrize(
    ("parametrization", "optimizer", "role"), list(product(Parametrization, Optimizer, WIDTH_ROLES))
)
def test_weights_decay_by_a_width_free_fraction_per_step(
    parametrization: Parametrization, optimizer: Optimizer, role: Role
) -> None:
    rule = WIDTH_RULES[parametrization, optimizer, role]
    if optimizer is ADAM:
        assert (rule.wd_in, rule.wd_out) == (0, 0)
    else:
        assert (rule.wd_in + rule.lr_in, rule.wd_out + rule.lr_out) == (0, 0)


@pytest.mark.parametrize(("optimizer", "role"), ROWS)
def test_activations_start_at_a_width_free_size_and_logits_shrink(
    optimizer: Optimizer, role: Role
) -> None:
    rule = WIDTH_RULES[MUP, optimizer, role]
    random_sum = SUMMED[role][0] / 2
    start = rule.init_std + rule.multiplier + random_sum
    assert start == (-0.5 if role is OUTPUT else 0)


@pytest.mark.parametrize(("optimizer", "role"), ROWS)
def test_the_standard_parametrization_scales_nothing_but_initial_tensors(
    optimizer: Optimizer, role: Role
) -> None:
    rule = WIDTH_RULES[Parametrization.SP, optimizer, role]
    assert not any(rule._replace(init_std=0.0))
    assert rule.init_std + SUMMED[role][0] / 2 == 0


def test_every_combination_has_a_row() -> None:
    assert set(WIDTH_RULES) == set(product(Parametrization, Optimizer, Role)) - REFUSED
