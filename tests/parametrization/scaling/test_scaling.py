"""Scaled numbers: power laws of width, exact initial standard deviations, refusals, reasons."""

import math
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.optimizers.registry import STUDIED
from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.companions import (
    assignment_of,
    by_optimizer,
    flat_defaults,
    flat_names,
)
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tests.parametrization.builders import (
    CORE_OPTIMIZERS,
    TENSORS,
    hyperparameters,
    scale_tensor,
    scalings_of,
)
from tests.parametrization.nn.small_models import Gpt, Mlp

optimizers = st.sampled_from(CORE_OPTIMIZERS)
parametrizations = st.sampled_from(Parametrization)
roles = st.sampled_from([Role.INPUT, Role.HIDDEN, Role.OUTPUT, Role.VECTOR, Role.SCALAR])
rates = st.floats(2.0**-14, 1.0)
width_mults = st.floats(1 / 16, 1024.0)


def scaled_tensor(
    role: Role,
    optimizer: str,
    parametrization: Parametrization,
    width_mult: float,
    **overrides: float,
) -> TensorScaling:
    return scale_tensor(
        TENSORS[role],
        hyperparameters(optimizer, **overrides),
        Multipliers(width_mult),
        optimizer=optimizer,
        parametrization=parametrization,
    )


def numbers(scaling: TensorScaling) -> list[float]:
    return [
        scaling.multiplier,
        scaling.learning_rate,
        scaling.weight_decay,
        *([] if scaling.init_std is None else [scaling.init_std]),
        *([] if scaling.epsilon is None else [scaling.epsilon]),
    ]


@given(role=roles, optimizer=optimizers, rate=rates, init=st.floats(0.01, 10.0))
def test_all_parametrizations_are_one_at_the_base_width(
    role: Role, optimizer: str, rate: float, init: float
) -> None:
    sp, sp_embedding, mup = (
        scaled_tensor(role, optimizer, parametrization, 1.0, learning_rate=rate, init_std=init)
        for parametrization in Parametrization
    )
    assert numbers(sp) == numbers(sp_embedding) == numbers(mup)
    assert (sp.shape, sp.constant) == (sp_embedding.shape, sp_embedding.constant)
    assert (sp.shape, sp.constant) == (mup.shape, mup.constant)


@given(role=roles, optimizer=optimizers, m=width_mults)
def test_sp_with_mups_embedding_rate_differs_from_sp_in_nothing_else(
    role: Role, optimizer: str, m: float
) -> None:
    sp, ours = (
        scaled_tensor(role, optimizer, parametrization, m, weight_decay=0.0)
        for parametrization in (SP, Parametrization.SP_EMBEDDING)
    )
    if role is Role.INPUT:
        assert ours.learning_rate / sp.learning_rate == pytest.approx(
            scaled_tensor(Role.INPUT, optimizer, MUP, m).learning_rate
            / scaled_tensor(Role.HIDDEN, optimizer, MUP, m).learning_rate,
            rel=1e-12,
        )
        assert "embedding as under muP" in ours.reason
    else:
        assert (numbers(ours), ours.reason) == (numbers(sp), sp.reason)


def test_adams_embedding_rate_grows_with_width_under_sp_embedding() -> None:
    """By the factor of width of arXiv:2605.21486."""
    rates = [
        scaled_tensor(Role.INPUT, ADAMW, Parametrization.SP_EMBEDDING, m).learning_rate
        for m in (1.0, 8.0)
    ]
    assert rates[1] / rates[0] == 8


@given(
    role=roles, optimizer=optimizers, parametrization=parametrizations, a=width_mults, b=width_mults
)
def test_widening_twice_is_widening_once(
    role: Role, optimizer: str, parametrization: Parametrization, a: float, b: float
) -> None:
    at_one, at_a, at_b, at_both = (
        numbers(scaled_tensor(role, optimizer, parametrization, m)) for m in (1.0, a, b, a * b)
    )
    for one, by_a, by_b, by_both in zip(at_one, at_a, at_b, at_both, strict=True):
        assert by_a * by_b == pytest.approx(one * by_both, rel=1e-12)


@given(role=roles, optimizer=optimizers, parametrization=parametrizations, m=width_mults)
def test_rate_times_decay_does_not_depend_on_width(
    role: Role, optimizer: str, parametrization: Parametrization, m: float
) -> None:
    if optimizer == "adam":
        return
    base, wide = (
        scaled_tensor(role, optimizer, parametrization, factor, weight_decay=0.3)
        for factor in (1.0, m)
    )
    assert wide.learning_rate * wide.weight_decay == pytest.approx(
        base.learning_rate * base.weight_decay, rel=1e-12
    )


@given(role=roles, optimizer=optimizers, parametrization=parametrizations, m=width_mults)
def test_hyperparameters_act_on_their_own_number_alone(
    role: Role, optimizer: str, parametrization: Parametrization, m: float
) -> None:
    plain = scaled_tensor(role, optimizer, parametrization, m)
    init = scaled_tensor(role, optimizer, parametrization, m, init_std=2.0)
    output = scaled_tensor(role, optimizer, parametrization, m, output_multiplier=2.0)
    is_matrix = plain.init_std is not None
    assert init.init_std == (2.0 * plain.init_std if plain.init_std is not None else None)
    assert is_matrix == (role in (Role.INPUT, Role.HIDDEN, Role.OUTPUT))
    assert output.multiplier == plain.multiplier * (2.0 if role is Role.OUTPUT else 1.0)
    assert init.learning_rate == output.learning_rate == plain.learning_rate
    assert init.constant == output.constant == plain.constant


@pytest.mark.parametrize("parametrization", Parametrization)
def test_initial_standard_deviations_of_a_gpt_are_exact(parametrization: Parametrization) -> None:
    """Base width 32, width 256: m = 8."""
    stds = {
        s.name: s.init_std
        for s in scalings_of(Gpt, 256, parametrization=parametrization, init_std=0.5)
    }
    readout_std = 0.5 / math.sqrt(32) if parametrization is MUP else 0.5 / 16
    assert stds["tokens.weight"] == stds["positions.weight"] == 0.5
    assert stds["blocks.0.attn.qkv.weight"] == pytest.approx(0.5 / math.sqrt(256), rel=1e-15)
    assert stds["blocks.1.up.weight"] == pytest.approx(0.5 / math.sqrt(256), rel=1e-15)
    assert stds["blocks.1.down.weight"] == pytest.approx(0.5 / math.sqrt(4 * 256), rel=1e-15)
    assert stds["readout.weight"] == pytest.approx(readout_std, rel=1e-15)
    assert stds["norm.weight"] is None
    assert stds["blocks.0.up.bias"] is None


@pytest.mark.parametrize("optimizer", STUDIED)
@pytest.mark.parametrize("mults", [Multipliers(8.0), Multipliers(4.0, depth=2.0)])
def test_a_tensor_has_the_same_numbers_alone_and_among_its_like(
    optimizer: str, mults: Multipliers
) -> None:
    """To the bit: tensors that differ in their names alone share their rules in a model."""
    alone = [
        replace(TENSORS[role], name=f"blocks.{block}.{role}", in_block=inside)
        for block, inside in ((0, True), (1, True), (2, False))
        for role in (Role.INPUT, Role.HIDDEN, Role.OUTPUT, Role.VECTOR, Role.SCALAR)
    ]
    flat = dict.fromkeys(flat_names(optimizer), 1.0) | flat_defaults(optimizer)
    flat |= {"learning_rate": 0.0123, "init_std": 0.77, "output_multiplier": 1.3}
    given, assignment = by_optimizer(optimizer, flat), assignment_of(optimizer)
    in_model = scale(ModelShape(32, tuple(alone)), flat, mults, optimizer=optimizer)
    trained_by = [assignment.optimizer_of(tensor) for tensor in alone]
    assert in_model == tuple(
        scale_tensor(tensor, given[own], mults, optimizer=own)
        for tensor, own in zip(alone, trained_by, strict=True)
    )


def test_the_first_linear_layer_is_drawn_by_its_own_fan_in_at_every_width() -> None:
    for width in (32, 64, 512):
        first = scalings_of(Mlp, width)[0]
        assert (first.name, first.role) == ("layers.0.weight", Role.INPUT)
        assert first.init_std == pytest.approx(1 / math.sqrt(24), rel=1e-15)


def test_gains_start_at_one_and_biases_at_zero() -> None:
    constants = {s.name: s.constant for s in scalings_of(Gpt, 64)}
    assert constants["norm.weight"] == constants["blocks.0.attn_norm.weight"] == 1.0
    assert constants["blocks.0.down.bias"] == 0.0
    assert constants["tokens.weight"] is None


ADAM, ADAMW, SGD = CORE_OPTIMIZERS
MUP, SP = Parametrization.MUP, Parametrization.SP


@pytest.mark.parametrize(
    ("role", "optimizer", "parametrization", "width_mult", "reason"),
    [
        (Role.HIDDEN, ADAM, MUP, 8, "hidden: fan-in grows 8x, Adam rate / 8 (TP V Table 8)"),
        (Role.INPUT, ADAMW, MUP, 8, "input: AdamW rate unchanged (TP V Table 8)"),
        (
            Role.HIDDEN,
            SGD,
            MUP,
            8,
            "hidden: fan-in grows 8x, fan-out grows 8x, SGD rate unchanged (TP V Table 8)",
        ),
        (Role.VECTOR, SGD, MUP, 8, "vector: fan-out grows 8x, SGD rate x 8 (TP V Table 8)"),
        (
            Role.OUTPUT,
            ADAMW,
            MUP,
            0.5,
            "output: fan-in shrinks 2x, AdamW rate unchanged, forward multiplier x 2"
            " (TP V Table 8)",
        ),
        (Role.HIDDEN, ADAM, MUP, 1, "hidden: Adam rate unchanged (TP V Table 8)"),
        (Role.HIDDEN, SGD, SP, 8, "hidden: the same SGD rate at every width (standard)"),
    ],
)
def test_the_reason_says_what_grows_and_what_that_does(
    role: Role,
    optimizer: str,
    parametrization: Parametrization,
    width_mult: float,
    reason: str,
) -> None:
    assert scaled_tensor(role, optimizer, parametrization, width_mult).reason == reason


@pytest.mark.parametrize("parametrization", Parametrization)
def test_adam_refuses_weight_decay_and_says_why(parametrization: Parametrization) -> None:
    with pytest.raises(ValueError, match=r"L2 in the gradient.*use adamw"):
        scaled_tensor(Role.HIDDEN, ADAM, parametrization, 2.0, weight_decay=0.1)


def test_adam_accepts_a_weight_decay_of_zero() -> None:
    assert scaled_tensor(Role.HIDDEN, ADAM, MUP, 2.0, weight_decay=0.0).weight_decay == 0.0


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("learning_rate", 0.0, "positive"),
        ("learning_rate", math.nan, "finite"),
        ("init_std", -1.0, "positive"),
        ("output_multiplier", math.inf, "finite"),
        ("beta2", 1.0, r"in \[0, 1\)"),
        ("epsilon", -1e-8, "zero or more"),
        ("weight_decay", -0.1, "zero or more"),
    ],
)
def test_a_hyperparameter_out_of_range_is_named(name: str, value: float, remedy: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be {remedy}, got"):
        scaled_tensor(Role.HIDDEN, ADAMW, MUP, 2.0, **{name: value})


@pytest.mark.parametrize(
    ("optimizer", "name"),
    list(product(CORE_OPTIMIZERS, ["learning_rate", "init_std", "output_multiplier"])),
)
def test_a_missing_hyperparameter_is_named(optimizer: str, name: str) -> None:
    given_ones = hyperparameters(optimizer)
    del given_ones[name]
    with pytest.raises(ValueError, match=f"{optimizer} needs {name}"):
        scale_tensor(TENSORS[Role.HIDDEN], given_ones, Multipliers(2.0), optimizer=optimizer)


def test_an_unknown_hyperparameter_is_named() -> None:
    with pytest.raises(ValueError, match="sgd does not know beta1: it takes"):
        scaled_tensor(Role.HIDDEN, SGD, MUP, 2.0, beta1=0.9)


def test_a_width_that_gives_no_whole_shape_names_the_next_step() -> None:
    bias = TensorShape("bias", Role.VECTOR, (48,), (True,), None, 0)

    def shape_at(width: int) -> tuple[int, ...]:
        scalings = scale(
            ModelShape(32, (bias,)), hyperparameters(SGD), Multipliers(width / 32), optimizer=SGD
        )
        return scalings[0].shape

    assert shape_at(34) == (51,)
    with pytest.raises(ValueError, match=r"width 33 gives bias no whole shape.*multiple of 2"):
        shape_at(33)
