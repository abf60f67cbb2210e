"""What a study can say about optimizers."""

from typing import Any

import pytest
from pydantic import ValidationError

from parametrization.nn.updates.registry import OPTIMIZERS, named
from parametrization.optimizers.hyperparameters import EVERYWHERE
from parametrization.rules.lookup import Optimizer
from parametrization.scaling.companions import (
    MATRIX_OPTIMIZERS,
    PREFIX,
    RATIO,
    assignment_of,
    by_optimizer,
    flat_names,
)
from tuner.decisions.check_hyperparameters import check_hyperparameters
from tuner.spec.optimizer_defaults import NOT_STUDIED, STUDIED
from tuner.spec.optimizers import RECORDS, SearchedOptimizer
from tuner.spec.study import StudySpec

OURS = {Optimizer.SGD: {"momentum": 0.9}, Optimizer.LARS: {RATIO: 2.0**-8}}
"""Defaults that differ from the update function's, on purpose."""


def study(*optimizers: dict[str, Any]) -> StudySpec:
    return StudySpec.model_validate(
        {"family": {"name": "mlp"}, "target": {"width": 128}, "optimizers": optimizers}
    )


def config(name: Optimizer, **fields: Any) -> SearchedOptimizer:  # noqa: ANN401 - of a record
    return study({"name": name, **fields}).optimizers[0]


def test_every_optimizer_can_be_named_or_says_why_not() -> None:
    assert STUDIED.keys() | NOT_STUDIED.keys() == set(Optimizer) >= OPTIMIZERS.keys()
    assert not STUDIED.keys() & NOT_STUDIED.keys()


@pytest.mark.parametrize("name", STUDIED)
def test_defaults_are_those_of_the_update_functions(name: Optimizer) -> None:
    expected = dict(named(name).hyperparameters)
    if name in MATRIX_OPTIMIZERS:
        companion = named(Optimizer.ADAMW).hyperparameters
        expected |= {PREFIX + key: value for key, value in companion.items()}
    if assignment_of(name).by_role != dict.fromkeys(assignment_of(name).by_role, name):
        expected[RATIO] = 1.0
    assert STUDIED[name].defaults == expected | OURS.get(name, {})


@pytest.mark.parametrize("name", STUDIED)
def test_a_study_gives_everything_that_a_trial_is_configured_by(name: Optimizer) -> None:
    given = config(name)
    assert given.fixed.keys() | given.searched.keys() == flat_names(name)
    assert given.searched.keys() == {"learning_rate"}


def test_matrix_optimizers_are_those_that_take_matrices_alone() -> None:
    taking = {name for name in STUDIED if named(name).matrices_only}
    assert taking == {
        *MATRIX_OPTIMIZERS,
        Optimizer.SCION_SPECTRAL,
        Optimizer.MODULAR_MATRIX,
    }


@pytest.mark.parametrize("name", STUDIED)
def test_a_stored_study_reads_back_as_it_was(name: Optimizer) -> None:
    stored = study({"name": name})
    assert StudySpec.model_validate_json(stored.model_dump_json()) == stored
    assert type(stored.optimizers[0]) is RECORDS[name]


@pytest.mark.parametrize("name", [Optimizer.ADAM, Optimizer.RMSPROP, Optimizer.ADAGRAD])
def test_weight_decay_that_would_be_normalised_away_is_refused_with_the_reason(
    name: Optimizer,
) -> None:
    with pytest.raises(ValidationError, match=rf"{name} takes no weight_decay.*use adamw"):
        config(name, weight_decay=0.1)


def test_an_optimizer_that_no_study_can_name_is_refused_with_the_reason() -> None:
    with pytest.raises(ValidationError, match="muon_bare: a step that only others' code"):
        config(Optimizer.MUON_BARE)


@pytest.mark.parametrize(
    ("name", "hyperparameter", "value"),
    [
        (Optimizer.LION, "beta1", 1.0),
        (Optimizer.LARS, "trust_coefficient", 0.0),
        (Optimizer.ADAFACTOR, "beta2_decay", 0.1),
        (Optimizer.MUON_SPECTRAL, RATIO, 0.0),
        (Optimizer.MUON_SPECTRAL, PREFIX + "beta1", 1.0),
        (Optimizer.SOAP, "epsilon", -1.0),
        (Optimizer.LION, "epsilon", 1e-8),
        (Optimizer.SCHEDULE_FREE_ADAMW, "beta1", 0.0),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(
    name: Optimizer, hyperparameter: str, value: float
) -> None:
    with pytest.raises(ValidationError, match=hyperparameter):
        config(name, **{hyperparameter: value})


def test_schedule_free_trains_at_a_constant_rate_after_warm_up_beside_others_that_decay() -> None:
    spec = study({"name": "adamw"}, {"name": "schedule_free_adamw"})
    warming, decaying = (
        spec.training_by(Optimizer.SCHEDULE_FREE_ADAMW).schedule,
        spec.training_by(Optimizer.ADAMW).schedule,
    )
    assert (decaying.shape, warming.shape) == ("linear", "constant")
    assert warming.warmup_fraction == decaying.warmup_fraction == 0.1
    assert spec.training_by(Optimizer.ADAMW) == spec.training


def test_the_ratio_of_the_two_rates_can_be_searched() -> None:
    ratios = {"type": "float", "low": 0.05, "high": 2, "log": True}
    given = config(Optimizer.MUON_ORIGINAL, **{RATIO: ratios})
    assert given.searched.keys() == {"learning_rate", RATIO}


def test_a_searched_hyperparameter_is_checked_at_its_default() -> None:
    betas = {"type": "float", "low": 0.8, "high": 0.99}
    checked = check_hyperparameters(config(Optimizer.ADAMW, beta1=betas))
    assert checked["beta1"] == 0.9
    assert checked.keys() == flat_names(Optimizer.ADAMW)


def test_each_optimizer_of_a_mixed_model_is_checked_at_its_own_rate() -> None:
    checked = check_hyperparameters(config(Optimizer.MUON_SPECTRAL))
    rates = {
        name: numbers["learning_rate"]
        for name, numbers in by_optimizer(Optimizer.MUON_SPECTRAL, checked).items()
    }
    assert rates == {Optimizer.MUON_SPECTRAL: 2.0**-8, Optimizer.ADAMW: 2.0**-12}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"learning_rate_ratio": 0.0}, "learning_rate_ratio must be positive, got 0.0"),
        ({"companion_nesterov": 1.0}, "muon_spectral does not know companion_nesterov"),
    ],
)
def test_a_flat_mapping_that_is_wrong_is_refused(change: dict[str, float], words: str) -> None:
    flat = {**dict.fromkeys(EVERYWHERE, 1.0), **STUDIED[Optimizer.MUON_SPECTRAL].defaults}
    with pytest.raises(ValueError, match=words):
        by_optimizer(Optimizer.MUON_SPECTRAL, flat | change)


def test_a_flat_mapping_with_a_hole_is_refused() -> None:
    with pytest.raises(ValueError, match=r"soap needs .*companion_beta1"):
        by_optimizer(Optimizer.SOAP, {"learning_rate": 0.1})
