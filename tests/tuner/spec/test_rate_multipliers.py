"""Rates by class of tensor: what a study gives reaches exactly the tensors of that class."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from parametrization.check.usual_settings import check_hyperparameters
from parametrization.optimizers.hyperparameters import RATE_MULTIPLIERS
from parametrization.optimizers.registry import STUDIED
from parametrization.rules.policies import Policies
from parametrization.scaling.companions import flat_defaults, flat_names
from parametrization.scaling.hyperparameter_words import Setting
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tests.tuner.builders import SHAPE
from tuner.recommendation.axes.width import Move, kept_axis
from tuner.recommendation.hyperparameters import SearchOutcome, hyperparameter_values
from tuner.recommendation.values import parameter_groups, tensor_values
from tuner.spec.study import StudySpec

BROAD = ModelShape(
    SHAPE.base_width,
    (
        *SHAPE.tensors,
        TensorShape("norm.weight", Role.FINAL_NORM, (32,), (True,), None, 0, 1.0),
        TensorShape("attention.gain", Role.QK_NORM_GAIN, (8,), (False,), None, 0, 1.0),
        TensorShape("readout.bias", Role.SCALAR, (256,), (False,), None, 0),
    ),
)
OF_ROLE = {
    Role.INPUT: "input_rate_multiplier",
    Role.OUTPUT: "output_rate_multiplier",
    **dict.fromkeys(
        (Role.VECTOR, Role.SCALAR, Role.QK_NORM_GAIN, Role.FINAL_NORM), "vector_rate_multiplier"
    ),
}


def scaled(name: str, width: int, factors: dict[str, float]) -> tuple[TensorScaling, ...]:
    flat = {**flat_defaults(name), "learning_rate": 0.01, "init_std": 1.0}
    return scale(
        BROAD,
        flat | {"output_multiplier": 1.0} | factors,
        Multipliers(width / BROAD.base_width),
        optimizer=name,
    )


@given(
    name=st.sampled_from(list(STUDIED)),
    doublings=st.integers(0, 6),
    factors=st.dictionaries(
        st.sampled_from(list(RATE_MULTIPLIERS)), st.floats(2.0**-10, 2.0**10), min_size=1
    ),
)
def test_a_multiplier_changes_the_rates_of_its_role_by_that_factor_and_nothing_else(
    name: str, doublings: int, factors: dict[str, float]
) -> None:
    width = 32 * 2**doublings
    pairs = zip(scaled(name, width, {}), scaled(name, width, factors), strict=True)
    for before, after in pairs:
        factor = factors.get(OF_ROLE.get(before.role, ""), 1.0)
        assert after.learning_rate == pytest.approx(before.learning_rate * factor, rel=1e-12)
        as_it_was = replace(after, learning_rate=before.learning_rate, reason=before.reason)
        assert as_it_was == before
        assert ("rate multiplier" in after.reason) == (factor != 1)


@pytest.mark.parametrize("name", ["adamw", "muon_spectral", "lars"])
def test_trials_stored_without_multipliers_mean_multipliers_of_1(name: str) -> None:
    assert scaled(name, 64, {}) == scaled(name, 64, dict.fromkeys(RATE_MULTIPLIERS, 1.0))


def study(**fields: Any) -> StudySpec:  # noqa: ANN401 - of an optimizer's record
    spec = {"family": {"name": "mlp"}, "target": {"width": 128}}
    return StudySpec.model_validate(spec | {"optimizers": [{"name": "adamw", **fields}]})


def test_a_study_gives_a_number_or_searches_and_is_checked_without() -> None:
    searched = {"type": "float", "low": 0.1, "high": 10, "log": True}
    (config,) = study(input_rate_multiplier=5.0, output_rate_multiplier=searched).optimizers
    assert config.fixed["input_rate_multiplier"] == 5.0
    assert config.fixed["vector_rate_multiplier"] == 1.0
    assert config.searched.keys() == {"learning_rate", "output_rate_multiplier"}
    checked = check_hyperparameters(config.name, config.fixed)
    assert checked.keys() == flat_names("adamw")
    assert {checked[name] for name in RATE_MULTIPLIERS} == {1.0}


def test_a_study_stored_without_them_reads_as_multipliers_of_1() -> None:
    stored = study().model_dump()
    for name in RATE_MULTIPLIERS:
        del stored["optimizers"][0][name]
    assert StudySpec.model_validate(stored) == study()


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf")])
@pytest.mark.parametrize("name", RATE_MULTIPLIERS)
def test_a_multiplier_that_is_not_positive_is_refused(name: str, factor: float) -> None:
    with pytest.raises(ValidationError, match=name):
        study(**{name: factor})
    with pytest.raises(ValueError, match=f"{name} must be"):
        scaled("adamw", 32, {name: factor})


def test_a_recommendation_says_the_multiplier_and_the_rates_that_it_makes() -> None:
    spec = study(input_rate_multiplier=5.0)
    defaults = {**flat_defaults("adamw"), "init_std": 1.0, "output_multiplier": 1.0}
    given = {**defaults, "learning_rate": 0.01, "input_rate_multiplier": 5.0}
    values = tensor_values(SHAPE, "adamw", given, Policies(), Multipliers(width=2.0))
    groups = parameter_groups(values, "adamw", given)
    by_role = {group.role: group for group in groups}
    assert by_role[Role.INPUT].learning_rate == pytest.approx(0.05)
    assert by_role[Role.INPUT].learning_rate_multiplier == pytest.approx(5.0)
    assert by_role[Role.HIDDEN].learning_rate == pytest.approx(0.005)
    kept = kept_axis(Move("width", 32, 32), "nothing moves", Policies())
    setting = Setting(SHAPE, "adamw", given, Policies(), Multipliers())
    (config,) = spec.optimizers
    listed = hyperparameter_values(setting, SearchOutcome(config, None, (), 1), [kept])
    (said,) = [value for value in listed if value.name == "input_rate_multiplier"]
    assert (said.value, said.origin) == (5.0, "given")
    assert "Everett" in said.source
