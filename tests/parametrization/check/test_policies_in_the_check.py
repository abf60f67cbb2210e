"""The coordinate check under a policy that asks some tensors to move less in wider models."""

from dataclasses import replace
from itertools import product

import pytest

from parametrization.check.slopes import as_readout_name
from parametrization.check.verdict import CheckVerdict, TensorStatistic, judge
from parametrization.rules.policies import Policies
from parametrization.rules.policy_numbers import EmbeddingRateRule
from parametrization.shapes.roles import ModelShape, Role
from tests.parametrization.builders import TENSORS

TABLE, HIDDEN = TENSORS[Role.INPUT], TENSORS[Role.HIDDEN]
TIED = replace(TABLE, tied=True)
SQRT = Policies(embedding_lr_rule=EmbeddingRateRule.SQRT)


def verdict(slopes: dict[str, float], shape: ModelShape, policies: Policies) -> CheckVerdict:
    """Of exact power laws of width."""
    statistics = [
        TensorStatistic(name, width, seed, (1 + seed) * 1e-3 * width**slope, None)
        for (name, slope), width, seed in product(slopes.items(), (64, 128, 256, 512), range(4))
    ]
    return judge(statistics, shape, "adamw", policies=policies)


@pytest.mark.parametrize(
    ("policies", "slope", "passed"),
    [(Policies(), 0.0, True), (Policies(), -0.5, False), (SQRT, -0.5, True), (SQRT, 0.0, False)],
)
def test_a_lookup_table_is_judged_by_what_its_policy_asks(
    policies: Policies, slope: float, passed: bool
) -> None:
    shape = ModelShape(32, (TABLE, HIDDEN))
    assert verdict({TABLE.name: slope, HIDDEN.name: 0.0}, shape, policies).passed is passed


def test_a_tied_table_is_so_as_a_readout_too_and_other_tensors_are_not() -> None:
    shape = ModelShape(32, (TIED, HIDDEN))
    slopes = {TIED.name: -0.5, as_readout_name(TIED.name): -0.5, HIDDEN.name: 0.0}
    assert verdict(slopes, shape, SQRT).passed is True
    assert verdict(slopes | {HIDDEN.name: -0.5}, shape, SQRT).passed is False
    assert verdict(slopes, shape, Policies()).passed is False
