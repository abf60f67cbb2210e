"""Fields of training are given as distributions, within what a study can compare."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.tuner.own_trainer import external_spec
from tuner.spec.study import StudySpec
from tuner.spec.submitted import STORED

GPT: dict[str, Any] = {"family": {"name": "gpt"}, "target": {"width": 256}}
SHAPES = {"type": "categorical", "choices": ["linear", "wsd"]}
WARMUP = {"type": "float", "low": 0.0, "high": 0.2}


def asked(searched: dict[str, Any], **fields: Any) -> StudySpec:  # noqa: ANN401
    return StudySpec.model_validate(GPT | {"search": {"training": searched}} | fields)


def refused(searched: dict[str, Any], **fields: Any) -> tuple[str, str]:  # noqa: ANN401
    """(Pointer, words) of the one contradiction."""
    with pytest.raises(ValidationError) as error:
        asked(searched, **fields)
    ((pointer, words),) = error.value.errors()[0]["ctx"]["problems"]
    return pointer, words


def test_schedules_are_compared_at_the_end_and_not_pruned_on_the_way() -> None:
    spec = asked({"shape": SHAPES})
    assert (spec.search.pruner, spec.training.compared_over) == ("none", 0.1)
    assert spec.comparison.words == "mean train loss over the last 10 % of training"
    assert [spec.training.compared_from(updates) for updates in (1, 2, 10, 200)] == [0, 1, 9, 180]


def test_other_studies_are_compared_as_before() -> None:
    spec = StudySpec.model_validate(GPT)
    assert (spec.search.pruner, spec.training.compared_over) == ("median", 0.5)
    assert spec.comparison == spec.family.comparison
    assert [spec.training.compared_from(updates) for updates in (1, 2, 3, 200)] == [0, 1, 1, 100]


def test_what_is_asked_for_by_name_stays() -> None:
    document = GPT | {
        "training": {"compared_over": 0.25},
        "search": {"pruner": "median", "training": {"warmup_fraction": WARMUP}},
    }
    spec = StudySpec.model_validate(document)
    assert (spec.search.pruner, spec.training.compared_over) == ("median", 0.25)
    stored = spec.model_dump(mode="json")
    assert StudySpec.model_validate(stored, context=STORED) == spec


@pytest.mark.parametrize(
    ("searched", "fields", "pointer", "words"),
    [
        ({}, {}, "", "no field is searched"),
        (
            {"shape": {"type": "categorical", "choices": ["linear", "seesaw"]}},
            {},
            "/shape",
            "grows",
        ),
        (
            {"warmup_fraction": WARMUP},
            {"training": {"schedule": {"shape": "seesaw"}}},
            "",
            "grows the batch",
        ),
        (
            {"numbers": {"exponent": {"type": "float", "low": 0.1, "high": 1.0}}},
            {},
            "/numbers/exponent",
            "none of linear takes",
        ),
        (
            {"numbers": {"cycles": {"type": "float", "low": 1, "high": 4}}},
            {"training": {"schedule": {"shape": "cosine_restarts"}}},
            "/numbers/cycles",
            "int or categorical",
        ),
        (
            {"numbers": {"cycles": {"type": "int", "low": 1, "high": 100}}},
            {"training": {"schedule": {"shape": "cosine_restarts"}}},
            "/numbers/cycles",
            "from 1 to 64",
        ),
        (
            {"gradient_clip_norm": {"type": "categorical", "choices": [0.5, 1.0]}},
            {"training": {"gradient_clip_value": 1.0}},
            "/gradient_clip_norm",
            "gradient_clip_value clips already",
        ),
        (
            {"average_fraction": {"type": "categorical", "choices": [0.05, 0.1]}},
            {},
            "/average_fraction",
            "changes nothing that trials are compared by",
        ),
        (
            {"warmup_fraction": WARMUP | {"step": 1e-9}},
            {},
            "/warmup_fraction/step",
            "larger step",
        ),
    ],
)
def test_what_could_not_be_compared_is_refused_at_its_field(
    searched: dict[str, Any], fields: dict[str, Any], pointer: str, words: str
) -> None:
    at, said = refused(searched, **fields)
    assert at == f"/search/training{pointer}"
    assert words in said


@pytest.mark.parametrize(
    "searched",
    [
        {"warmup_fraction": {"type": "float", "low": 0.0, "high": 1.5}},
        {"decay_fraction": {"type": "float", "low": 0.0, "high": 0.5}},
        {"gradient_clip_norm": {"type": "categorical", "choices": [0.0, 1.0]}},
        {"shape": {"type": "categorical", "choices": ["linear", "triangle"]}},
        {"shape": "linear"},
        {"batch_warmup_fraction": WARMUP},
    ],
)
def test_what_no_trial_could_train_with_is_refused(searched: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"search\.training"):
        asked(searched)


def test_a_family_compared_by_validation_searches_its_average() -> None:
    family = {"name": "gan"}
    spec = asked(
        {"average_fraction": {"type": "categorical", "choices": [0.05, 0.1]}}, family=family
    )
    assert spec.training.with_drawn({"average_fraction": 0.05}).average_fraction == 0.05


def test_a_trainer_of_ones_own_searches_them_by_its_validation_losses() -> None:
    family = external_spec()["family"]
    by_validation = {"family": family | {"metric": "validation_loss"}}
    spec = asked({"warmup_fraction": WARMUP}, **by_validation)
    assert spec.training.compared_over == 0.5
    by_training = {"family": family | {"metric": "train_loss"}}
    pointer, words = refused({"warmup_fraction": WARMUP}, **by_training)
    assert (pointer, "second half" in words) == ("/search/training", True)
    document = {"target": {"width": 256}, "training": {"compared_over": 0.2}} | by_validation
    with pytest.raises(ValidationError, match="leave it out"):
        StudySpec.model_validate(document)
