"""The words on a hyperparameter state what the rules do to it, for every policy and optimizer."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from parametrization.optimizers.lookup import HYPERPARAMETER_ROWS, WIDTH_ROWS
from parametrization.optimizers.registry import STUDIED, declared
from parametrization.rules.depth import DEPTH_ROWS
from parametrization.rules.not_per_tensor import CONSTANT_MEMORIES
from parametrization.rules.policies import Policies
from parametrization.rules.policy_numbers import EpsilonRule, SoapWidthRule, WeightDecayRule
from parametrization.rules.policy_sources import CHOICES
from parametrization.rules.row import Row
from parametrization.scaling.companions import (
    RATIO,
    assignment_of,
    by_optimizer,
    flat_defaults,
    own_name,
)
from parametrization.scaling.growth import AxisName, sources
from parametrization.scaling.hyperparameter_words import Setting
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tests.parametrization.scaling.told_words import Clause, clauses

SHAPE = ModelShape(
    32,
    (
        TensorShape("embed.weight", Role.INPUT, (256, 32), (False, True), 0, 1, is_table=True),
        TensorShape("patches.weight", Role.INPUT, (32, 12), (True, False), 1, 0),
        TensorShape("mix.weight", Role.HIDDEN, (32, 32), (True, True), 1, 0),
        TensorShape("blocks.0.weight", Role.HIDDEN, (128, 32), (True, True), 1, 0, in_block=True),
        TensorShape("blocks.0.bias", Role.VECTOR, (128,), (True,), None, 0, in_block=True),
        TensorShape("blocks.0.router", Role.MOE_ROUTER, (4, 32), (False, True), 1, 0),
        TensorShape("blocks.0.down", Role.FIXED_BOTTLENECK, (8, 32), (False, True), 1, 0),
        TensorShape("blocks.0.kv", Role.GQA_KV, (16, 32), (False, True), 1, 0, in_block=True),
        TensorShape("blocks.0.gain", Role.QK_NORM_GAIN, (8,), (False,), None, 0, 1.0),
        TensorShape("norm.weight", Role.FINAL_NORM, (32,), (True,), None, 0, 1.0),
        TensorShape("readout.weight", Role.OUTPUT, (256, 32), (False, True), 1, 0),
        TensorShape("readout.bias", Role.SCALAR, (256,), (False,), None, 0),
    ),
)
TARGETS = (
    Multipliers(3.0, 3.0, 2.0, 1.5),
    Multipliers(8.0, 0.5, 16.0, 1.0),  # betas beyond the range that was tested
)
AXES: tuple[AxisName, ...] = ("width", "depth", "batch", "tokens")
CHOSEN = [
    *((name, value) for name, values in CHOICES.items() for value in values),
    *(("alpha", value) for value in (0.5, 0.7)),
]


def flat(optimizer: str) -> dict[str, float]:
    """Hyperparameters of a trial that decays its weights."""
    given = {**flat_defaults(optimizer), "learning_rate": 0.01, "init_std": 0.8}
    decays = {name: 0.1 for name in given if name.endswith("weight_decay")}
    accumulator = {name: 0.1 for name in given if name == "initial_accumulator"}
    return given | decays | accumulator | {"output_multiplier": 1.5}


def trainer(lead: str, tensor: TensorShape) -> str:
    """Which optimizer trains the tensor."""
    return assignment_of(lead).optimizer_of(tensor)


@cache
def shape_for(lead: str) -> ModelShape:
    """The tensors that have a rule and numbers where `lead` is named."""
    numbers = by_optimizer(lead, flat(lead))
    kept = (
        tensor
        for tensor in SHAPE.tensors
        if trainer(lead, tensor) in numbers
        and isinstance(WIDTH_ROWS[trainer(lead, tensor)][tensor.role], Row)
    )
    return replace(SHAPE, tensors=tuple(kept))


@cache
def scaled(lead: str, policies: Policies, mults: Multipliers) -> tuple[TensorScaling, ...]:
    """Every tensor's numbers at a target."""
    return scale(
        shape_for(lead),
        flat(lead),
        mults,
        optimizer=lead,
        policies=policies,
    )


def settings(lead: str, policies: Policies) -> Iterator[Setting]:
    """Every target that the rules cover: without batch and tokens where they do not."""
    for mults in TARGETS:
        for covered in (mults, replace(mults, tokens=1.0), replace(mults, batch=1.0, tokens=1.0)):
            try:
                scaled(lead, policies, covered)
            except ValueError:
                continue
            yield Setting(shape_for(lead), lead, flat(lead), policies, covered)
            break


def number(scaling: TensorScaling, quantity: str) -> float:
    """The number of a tensor that words speak of."""
    fields = {
        "rate": "learning_rate",
        "weight decay": "weight_decay",
        "initial standard deviation": "init_std",
        "forward multiplier": "multiplier",
        "epsilon": "epsilon",
    }
    if quantity == "rate x decay":
        return scaling.learning_rate * scaling.weight_decay
    if quantity.startswith("1 - "):
        return 1 - scaling.others[quantity.removeprefix("1 - ")]
    if quantity.startswith("log("):
        return math.log(scaling.others[quantity[4:-1]])
    if quantity in fields:
        return float(getattr(scaling, fields[quantity]))
    return scaling.others[quantity]


def same_number(quantity: str, explained: list[Clause]) -> str:
    """Over width a beta is named itself, over batch and tokens 1 - beta or its logarithm."""
    memories = {one.quantity for one in explained} & {f"1 - {quantity}", f"log({quantity})"}
    return memories.pop() if memories else quantity


def assert_words_agree(setting: Setting) -> None:
    """Multiplied over all axes, the words give every tensor's number at the target."""
    base = scaled(setting.lead, setting.policies, Multipliers())
    target = scaled(setting.lead, setting.policies, setting.mults)
    for name in setting.hyperparameters.keys() - {RATIO}:
        explained = list(clauses(setting.explained(name, AXES).words))
        agreed = 0
        for tensor, before, after in zip(setting.shape.tensors, base, target, strict=True):
            own = own_name(setting.lead, name, before.optimizer)
            if own is None or (own == "output_multiplier" and before.multiplier == 1.0):
                continue
            if own == "init_std" and before.init_std is None:
                continue
            spoken = declared(before.optimizer).spoken
            of_tensor = [one for one in explained if one.optimizer == spoken]
            for quantity in {same_number(one.quantity, of_tensor) for one in of_tensor}:
                factor = math.prod(
                    one.factor(tensor, setting.mults)
                    for one in of_tensor
                    if same_number(one.quantity, of_tensor) == quantity
                )
                found = number(after, quantity)
                assert found == pytest.approx(
                    number(before, quantity) * factor, rel=1e-4, abs=0.0
                ), f"{name} of {tensor.name} ({tensor.role}) at {setting.mults}: {explained}"
                agreed += 1
        assert agreed, f"nothing is said of {name}"


@pytest.mark.parametrize(("policy", "choice"), CHOSEN)
@pytest.mark.parametrize("lead", STUDIED)
def test_words_agree_with_the_numbers(lead: str, policy: str, choice: Any) -> None:  # noqa: ANN401
    policies = Policies(**{policy: choice})
    explained = list(settings(lead, policies))
    for setting in explained:
        assert_words_agree(setting)
    assert explained or policy == "embedding_lr_rule"


def width_sources(optimizer: str, policies: Policies) -> set[str]:
    """Of every row of width that an optimizer's tensors may take a number from."""
    rows, by_policy = WIDTH_ROWS[optimizer], declared(optimizer).policy_rows
    if by_policy is not None:
        rows = by_policy.by_choice.get(policies.choices[by_policy.policy], rows)
    others = [row for (name, _), row in HYPERPARAMETER_ROWS.items() if name == optimizer]
    return {row.evidence.source for row in (*rows.values(), *others)} | {
        CONSTANT_MEMORIES.evidence.source
    }


@pytest.mark.parametrize("policies", [Policies(), Policies(soap_width_rule=SoapWidthRule.QIU)])
@pytest.mark.parametrize("lead", STUDIED)
def test_an_optimizer_is_cited_with_the_sources_of_its_own_rows_alone(
    lead: str, policies: Policies
) -> None:
    (setting, *_) = settings(lead, policies)
    chosen = {CHOICES[name][value].evidence.source for name, value in policies.choices.items()}
    for name in setting.hyperparameters:
        for optimizer, own in setting.reached(name):
            cited = {
                source
                for case in setting.reached(name)[optimizer, own]
                for source in sources(case, own, "width")
            }
            assert cited
            assert cited <= width_sources(optimizer, policies) | chosen
            assert all(source in setting.explained(name, ("width",)).source for source in cited)


@pytest.mark.parametrize("lead", STUDIED)
def test_the_rates_sources_are_those_of_the_rows_in_force(lead: str) -> None:
    (setting, *_) = settings(lead, Policies())
    for (optimizer, _), cases in setting.reached("learning_rate").items():
        used = {WIDTH_ROWS[optimizer][case.tensor.role].evidence.source for case in cases}
        explained = setting.explained("learning_rate", ("width",)).source
        assert all(source in explained for source in used)


def test_a_policy_that_sets_a_number_alone_is_cited_alone() -> None:
    shape, given = shape_for("adamw"), flat("adamw")
    policies = Policies(epsilon_rule=EpsilonRule.CONSTANT, weight_decay_rule=WeightDecayRule.WD_B)
    setting = Setting(shape, "adamw", given, policies, Multipliers(width=8.0))
    assert setting.explained("epsilon", AXES)[:2] == (
        "AdamW epsilon constant in width, by epsilon_rule constant",
        CHOICES["epsilon_rule"][EpsilonRule.CONSTANT].evidence.source,
    )
    decay = setting.explained("weight_decay", AXES)
    assert decay.words.startswith("AdamW weight decay constant in width, by weight_decay_rule wd-b")
    assert decay.source == CHOICES["weight_decay_rule"][WeightDecayRule.WD_B].evidence.source


def test_an_axis_that_moves_cites_the_row_of_the_optimizers_degree_and_horizon() -> None:
    lead = "muon_spectral"
    policies = Policies()
    deeper = Multipliers(depth=4.0, batch=2.0)
    setting = Setting(shape_for(lead), lead, flat(lead), policies, deeper)
    explained = setting.explained("learning_rate", ("batch",))
    assert explained.source == "; ".join(
        f"{declared(optimizer).spoken}: {declared(optimizer).horizon[rule].evidence.source}"
        for optimizer in (lead, "adamw")
        for rule in (policies.horizon_rule,)
    )
    sgd = Setting(shape_for("sgd"), "sgd", flat("sgd"), policies, Multipliers(1, 4))
    by_degree = DEPTH_ROWS[policies.depth_rule][1].evidence.source
    assert sgd.explained("learning_rate", ("depth",)).source == by_degree


def rate_in_words(reason: str, optimizer: str) -> float:
    """The factor on what sets the step's length, as a tensor's reason states it."""
    own = declared(optimizer).rate.replace("learning_rate", "rate")
    stated = (
        rf"(?:{re.escape(declared(optimizer).spoken)}|depth x \S+:|tokens x \S+:|embedding) {own}"
    )
    factor = 1.0
    for found in re.finditer(rf"{stated} (unchanged|([x/]) ([\d.e+-]+))", reason):
        if found[1] != "unchanged":
            factor *= float(found[3]) ** (1 if found[2] == "x" else -1)
    return factor


@pytest.mark.parametrize(("policy", "choice"), CHOSEN)
@pytest.mark.parametrize("lead", STUDIED)
def test_the_reason_of_a_tensor_agrees_with_its_numbers(
    lead: str,
    policy: str,
    choice: Any,  # noqa: ANN401
) -> None:
    policies = Policies(**{policy: choice})
    for setting in settings(lead, policies):
        base = scaled(lead, policies, Multipliers())
        target = scaled(lead, policies, setting.mults)
        for before, after in zip(base, target, strict=True):
            quantity = declared(after.optimizer).rate.replace("learning_rate", "rate")
            found = number(after, quantity) / number(before, quantity)
            assert rate_in_words(after.reason, after.optimizer) == pytest.approx(found, rel=1e-4)
            if policy in after.reason:
                assert_policy_has_a_say(after, policy)


def assert_policy_has_a_say(scaling: TensorScaling, policy: str) -> None:
    """A reason names a choice only on tensors that it can change."""
    takes = declared(scaling.optimizer).hyperparameters.keys()
    assert {
        "weight_decay_rule": "weight_decay" in takes,
        "epsilon_rule": bool(takes & {"epsilon", "epsilon_graft", "initial_accumulator"}),
        "soap_width_rule": scaling.optimizer == "soap",
        "fixed_kv_init_rule": scaling.role is Role.GQA_KV,
        "embedding_lr_rule": scaling.name == "embed.weight",
    }.get(policy, True)
