"""What a study can say about optimizers."""

from typing import Any

import pytest
from pydantic import ValidationError

from parametrization.check.usual_settings import check_hyperparameters
from parametrization.optimizers.hyperparameters import EVERYWHERE
from parametrization.optimizers.lookup import WIDTH_ROWS
from parametrization.optimizers.registry import OPTIMIZERS, STUDIED, declared
from parametrization.rules.row import Row
from parametrization.scaling.companions import (
    PREFIX,
    RATIO,
    assignment_of,
    by_optimizer,
    flat_defaults,
    flat_names,
)
from parametrization.shapes.roles import Role
from tuner.spec.optimizers.records import RECORDS, SearchedOptimizer
from tuner.spec.study import StudySpec


def study(*optimizers: dict[str, Any]) -> StudySpec:
    return StudySpec.model_validate(
        {"family": {"name": "mlp"}, "target": {"width": 128}, "optimizers": optimizers}
    )


def config(name: str, **fields: Any) -> SearchedOptimizer:  # noqa: ANN401 - of a record
    return study({"name": name, **fields}).optimizers[0]


def test_an_optimizer_is_offered_unless_its_declaration_says_why_not() -> None:
    assert list(RECORDS) == list(STUDIED)
    assert all(OPTIMIZERS[name].not_studied for name in OPTIMIZERS.keys() - RECORDS.keys())


@pytest.mark.parametrize("name", STUDIED)
def test_the_defaults_are_those_declared_of_the_lead_and_of_its_companion(name: str) -> None:
    expected, assignment = declared(name).defaults, declared(name).companions
    if assignment is not None:
        expected[RATIO] = assignment.learning_rate_ratio
    if assignment is not None and assignment.companion is not None:
        companion = declared(assignment.companion).defaults
        expected |= {PREFIX + key: value for key, value in companion.items()}
    assert config(name).fixed.items() >= expected.items()
    assert flat_defaults(name) == expected


@pytest.mark.parametrize("name", STUDIED)
def test_a_study_gives_everything_that_a_trial_is_configured_by(name: str) -> None:
    given = config(name)
    assert given.fixed.keys() | given.searched.keys() == flat_names(name)
    assert given.searched.keys() == {"learning_rate"}


@pytest.mark.parametrize("name", STUDIED)
def test_who_cannot_train_a_vector_leads_somebody_who_can(name: str) -> None:
    trains_vectors = assignment_of(name).by_role[Role.VECTOR]
    assert isinstance(WIDTH_ROWS[trains_vectors][Role.VECTOR], Row)


@pytest.mark.parametrize("name", STUDIED)
def test_a_stored_study_reads_back_as_it_was(name: str) -> None:
    stored = study({"name": name})
    assert StudySpec.model_validate_json(stored.model_dump_json()) == stored
    assert type(stored.optimizers[0]) is RECORDS[name]


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adagrad"])
def test_weight_decay_that_would_be_normalised_away_is_refused_with_the_reason(
    name: str,
) -> None:
    with pytest.raises(ValidationError, match=rf"{name} takes no weight_decay.*use adamw"):
        config(name, weight_decay=0.1)


@pytest.mark.parametrize(
    "given",
    [{"family": {"name": "ngpt"}}, {"optimizers": [{"name": "ngpt"}]}],
    ids=["family", "optimizer"],
)
def test_the_normalized_transformer_is_refused_with_the_paper_that_says_why(
    given: dict[str, Any],
) -> None:
    document = {"family": {"name": "gpt"}, "target": {"width": 256}} | given
    with pytest.raises(ValidationError, match=r"ngpt cannot be tuned.*arXiv:2604\.27077"):
        StudySpec.model_validate(document)


def test_an_optimizer_that_no_study_can_name_is_refused_with_the_reason() -> None:
    with pytest.raises(ValidationError, match="scion_sign: a part of Scion"):
        config("scion_sign")


@pytest.mark.parametrize(
    ("name", "hyperparameter", "value"),
    [
        ("lion", "beta1", 1.0),
        ("lars", "trust_coefficient", 0.0),
        ("adafactor", "beta2_decay", 0.1),
        ("muon_spectral", RATIO, 0.0),
        ("muon_spectral", PREFIX + "beta1", 1.0),
        ("soap", "epsilon", -1.0),
        ("lion", "epsilon", 1e-8),
        ("schedule_free_adamw", "beta1", 0.0),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(
    name: str, hyperparameter: str, value: float
) -> None:
    with pytest.raises(ValidationError, match=hyperparameter):
        config(name, **{hyperparameter: value})


def test_schedule_free_trains_at_a_constant_rate_after_warm_up_beside_others_that_decay() -> None:
    spec = study({"name": "adamw"}, {"name": "schedule_free_adamw"})
    warming, decaying = (
        spec.training_by("schedule_free_adamw").schedule,
        spec.training_by("adamw").schedule,
    )
    assert (decaying.shape, warming.shape) == ("linear", "constant")
    assert warming.warmup_fraction == decaying.warmup_fraction == 0.1
    assert spec.training_by("adamw") == spec.training


def test_the_ratio_of_the_two_rates_can_be_searched() -> None:
    ratios = {"type": "float", "low": 0.05, "high": 2, "log": True}
    given = config("muon_original", **{RATIO: ratios})
    assert given.searched.keys() == {"learning_rate", RATIO}


def test_a_searched_hyperparameter_is_checked_at_its_default() -> None:
    betas = {"type": "float", "low": 0.8, "high": 0.99}
    tuned = config("adamw", beta1=betas)
    checked = check_hyperparameters(tuned.name, tuned.fixed)
    assert checked["beta1"] == 0.9
    assert checked.keys() == flat_names("adamw")


def test_each_optimizer_of_a_mixed_model_is_checked_at_its_own_rate() -> None:
    tuned = config("muon_spectral")
    checked = check_hyperparameters(tuned.name, tuned.fixed)
    rates = {
        name: numbers["learning_rate"]
        for name, numbers in by_optimizer("muon_spectral", checked).items()
    }
    assert rates == {"muon_spectral": 2.0**-8, "adamw": 2.0**-12}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"learning_rate_ratio": 0.0}, "learning_rate_ratio must be positive, got 0.0"),
        ({"companion_nesterov": 1.0}, "muon_spectral does not know companion_nesterov"),
    ],
)
def test_a_flat_mapping_that_is_wrong_is_refused(change: dict[str, float], words: str) -> None:
    flat = {**dict.fromkeys(EVERYWHERE, 1.0), **flat_defaults("muon_spectral")}
    with pytest.raises(ValueError, match=words):
        by_optimizer("muon_spectral", flat | change)


def test_a_flat_mapping_with_a_hole_is_refused() -> None:
    with pytest.raises(ValueError, match=r"soap needs .*companion_beta1"):
        by_optimizer("soap", {"learning_rate": 0.1})


def test_a_range_of_learning_rates_needs_no_type() -> None:
    given = {"low": 1e-4, "high": 1e-1, "log": True}
    document = {"family": {"name": "mlp"}, "target": {"width": 512}}
    without, named = (
        StudySpec.model_validate(
            document | {"optimizers": [{"name": "adamw", "learning_rate": rates}]}
        )
        for rates in (given, {"type": "float", **given})
    )
    assert without == named
