"""Policies: what each choice does, that it has a version and a source, and that changes show."""

from dataclasses import fields, replace
from enum import StrEnum

import pytest

from parametrization.optimizers.rules_version import TABLES_DIGEST, rules_version
from parametrization.rules.horizon import HorizonRule
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.rules.policy_numbers import (
    EmbeddingRateRule,
    EpsilonRule,
    FixedKvInitRule,
    SoapWidthRule,
    VectorDecayRule,
    WeightDecayRule,
)
from parametrization.rules.policy_sources import CHOICES
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role, TensorShape
from tests.parametrization.builders import TENSORS, hyperparameters, scale_tensor

M = 4.0
PINNED_TABLES = "3e48b30df812"
PINNED_DEFAULTS = "rules-2f1387b9be7c"


def scale(
    tensor: TensorShape | Role,
    policies: Policies,
    *,
    optimizer: str = "adamw",
    width_mult: float = M,
    parametrization: Parametrization = Parametrization.MUP,
) -> TensorScaling:
    return scale_tensor(
        TENSORS[tensor] if isinstance(tensor, Role) else tensor,
        hyperparameters(optimizer),
        Multipliers(width_mult),
        optimizer=optimizer,
        parametrization=parametrization,
        policies=policies,
    )


def test_a_changed_number_or_default_is_a_changed_version() -> None:
    """If this fails: a rule has changed. Pin the new versions and say what changed and why."""
    assert (TABLES_DIGEST, rules_version(Policies())) == (PINNED_TABLES, PINNED_DEFAULTS)


def test_every_choice_gives_a_version_of_its_own() -> None:
    versions = [
        rules_version(Policies(**{name: choice}))  # type: ignore[arg-type]  # fields by name
        for name, choices in CHOICES.items()
        for choice in choices
        if choice != getattr(Policies(), name)
    ]
    assert len({*versions, rules_version(Policies())}) == len(versions) + 1


def test_every_choice_has_a_source_and_every_policy_its_choices() -> None:
    assert set(CHOICES) == {field.name for field in fields(Policies)} - {"alpha"}
    for name, choices in CHOICES.items():
        kind: type[StrEnum] = type(getattr(Policies(), name))
        assert set(choices) == set(kind)
        assert all(choice.version >= 1 and choice.evidence.source for choice in choices.values())


def test_choices_are_taken_by_name_and_unknown_ones_answered_with_the_known() -> None:
    assert Policies(soap_width_rule="qiu") == Policies(soap_width_rule=SoapWidthRule.QIU)  # type: ignore[arg-type]  # as JSON has it
    with pytest.raises(ValueError, match=r"weight_decay_rule must be one of wd-a, .*got 'wd-e'"):
        Policies(weight_decay_rule="wd-e")  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(
    ("rule", "hidden", "vector"),
    [
        (WeightDecayRule.WD_A, 1.0, 1.0),
        (WeightDecayRule.WD_B, 1 / M, 1.0),
        (WeightDecayRule.WD_C, M**-0.5, 0.0),
        (WeightDecayRule.WD_D, 1 / M, 1 / M),
    ],
)
def test_weight_decay_rules_set_the_product_of_rate_and_decay(
    rule: WeightDecayRule, hidden: float, vector: float
) -> None:
    """AdamW's hidden rate is 1/m, a vector's constant; the values are those of the sources."""
    policies = Policies(weight_decay_rule=rule)
    for role, expected in ((Role.HIDDEN, hidden), (Role.VECTOR, vector)):
        at, base = (scale(role, policies, width_mult=m) for m in (M, 1.0))
        base_product = base.learning_rate * 0.1
        assert at.learning_rate * at.weight_decay == pytest.approx(expected * base_product)


def test_the_sqrt_rule_slows_embeddings_and_no_first_layer() -> None:
    policies = Policies(embedding_lr_rule=EmbeddingRateRule.SQRT)
    dense = TensorShape("first.weight", Role.INPUT, (32, 24), (True, False), 1, 0)
    at, plain = scale(Role.INPUT, policies), scale(Role.INPUT, Policies())
    assert at.learning_rate == pytest.approx(plain.learning_rate / 2)
    assert at.learning_rate * at.weight_decay == pytest.approx(
        plain.learning_rate * plain.weight_decay
    )
    assert scale(dense, policies).learning_rate == scale(dense, Policies()).learning_rate
    assert "embedding rate / 2" in at.reason


def test_the_sqrt_rule_refuses_optimizers_it_was_not_made_for() -> None:
    policies = Policies(embedding_lr_rule=EmbeddingRateRule.SQRT)
    with pytest.raises(ValueError, match="embedding_lr_rule sqrt has no row for sgd: it is known"):
        scale(Role.INPUT, policies, optimizer="sgd")


@pytest.mark.parametrize(
    ("rule", "hidden", "vector"),
    [
        (EpsilonRule.GRADIENT, 1 / M, 1 / M),
        (EpsilonRule.MATRICES, 1 / M, 1.0),
        (EpsilonRule.CONSTANT, 1.0, 1.0),
    ],
)
def test_epsilon_rules_say_whose_epsilon_follows_the_gradient(
    rule: EpsilonRule, hidden: float, vector: float
) -> None:
    policies = Policies(epsilon_rule=rule)
    assert scale(Role.HIDDEN, policies).epsilon == pytest.approx(1e-8 * hidden)
    assert scale(Role.VECTOR, policies).epsilon == pytest.approx(1e-8 * vector)


def test_soap_has_an_empirical_rate_and_a_published_one() -> None:
    qiu = Policies(soap_width_rule=SoapWidthRule.QIU)
    for role, published in ((Role.HIDDEN, 1.0), (Role.INPUT, M**0.5), (Role.OUTPUT, M**0.5)):
        base = hyperparameters("soap")["learning_rate"]
        assert scale(role, qiu, optimizer="soap").learning_rate == base * published
        empirical = scale(role, Policies(), optimizer="soap").learning_rate
        assert empirical == base * published * M**-0.5


def test_fixed_key_and_value_heads_start_as_their_policy_says() -> None:
    common, mup = (
        scale(Role.GQA_KV, Policies(fixed_kv_init_rule=rule)).init_std
        for rule in (FixedKvInitRule.FAN_IN, FixedKvInitRule.MUP)
    )
    assert common is not None
    assert mup == pytest.approx(common * M**-0.5)


def test_the_standard_parametrization_knows_no_policies_of_width() -> None:
    other = Policies(
        weight_decay_rule=WeightDecayRule.WD_C,
        embedding_lr_rule=EmbeddingRateRule.SQRT,
        epsilon_rule=EpsilonRule.CONSTANT,
        horizon_rule=HorizonRule.NONE,
    )
    for role in Role:
        first, second = (
            scale(role, policies, parametrization=Parametrization.SP)
            for policies in (Policies(), other)
        )
        assert first == second


def test_the_reason_names_choices_that_are_not_the_defaults() -> None:
    at = scale(Role.HIDDEN, Policies(weight_decay_rule=WeightDecayRule.WD_D))
    assert at.reason.endswith("AdamW rate / 4 (TP V Table 8); weight_decay_rule wd-d v1")


def test_gains_and_biases_decay_or_not_by_the_policy_and_matrices_always() -> None:
    decayed, exempt = Policies(), Policies(vector_decay_rule=VectorDecayRule.EXEMPT)
    for role, tensor in TENSORS.items():
        plain, left_alone = scale(role, decayed), scale(role, exempt)
        assert plain.weight_decay > 0
        assert left_alone.weight_decay == (plain.weight_decay if tensor.fan_in_axes else 0.0)
        assert left_alone.learning_rate == plain.learning_rate
        assert ("vector_decay_rule exempt v1" in left_alone.reason) is not bool(tensor.fan_in_axes)


@pytest.mark.parametrize("parametrization", Parametrization)
@pytest.mark.parametrize("optimizer", ["adamw", "lion", "lars", "sgd"])
def test_no_optimizer_and_no_parametrization_decays_an_exempt_vector(
    optimizer: str, parametrization: Parametrization
) -> None:
    """The control equals muP at the base width, so the policy is not muP's alone."""
    exempt = Policies(vector_decay_rule=VectorDecayRule.EXEMPT)
    at = scale(Role.FINAL_NORM, exempt, optimizer=optimizer, parametrization=parametrization)
    assert at.weight_decay == 0


def test_a_tensor_that_says_so_decays_whatever_the_policy() -> None:
    exempt = Policies(vector_decay_rule=VectorDecayRule.EXEMPT)
    gain, matrix = (replace(TENSORS[role], decayed=None) for role in (Role.VECTOR, Role.HIDDEN))
    assert scale(replace(gain, decayed=True), exempt) == scale(gain, Policies())
    assert scale(replace(matrix, decayed=False), Policies()).weight_decay == 0
