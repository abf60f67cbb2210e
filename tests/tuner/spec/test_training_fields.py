"""What a study's training cannot combine is refused at its field."""

from typing import Any

import pytest
from pydantic import ValidationError

from tuner.spec.study import StudySpec

GPT: dict[str, Any] = {"family": {"name": "gpt"}, "target": {"width": 256}}


def pointers(document: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        StudySpec.model_validate(document)
    (error,) = refused.value.errors()
    return [pointer for pointer, _ in error["ctx"]["problems"]]


def test_gradients_are_clipped_in_one_way() -> None:
    training = {"gradient_clip_norm": 1.0, "gradient_clip_percentile": 10}
    assert pointers(GPT | {"training": training}) == ["/training/gradient_clip_percentile"]
    StudySpec.model_validate(GPT | {"training": {"gradient_clip_percentile": 10}})


def test_what_averages_by_itself_is_not_averaged_again() -> None:
    asked = GPT | {
        "training": {"average_fraction": 0.1},
        "optimizers": [{"name": "adamw"}, {"name": "schedule_free_adamw"}],
    }
    assert pointers(asked) == ["/optimizers/1/name"]


def test_schedule_free_training_keeps_its_warm_ups_and_nothing_of_the_fall() -> None:
    schedule = {"shape": "wsd", "warmup_fraction": 0.05, "batch_warmup_fraction": 0.2}
    spec = StudySpec.model_validate(
        GPT
        | {
            "training": {"schedule": schedule},
            "optimizers": [{"name": "adamw"}, {"name": "schedule_free_adamw"}],
        }
    )
    free = spec.training_by("schedule_free_adamw").schedule
    assert (free.shape, free.warmup_fraction, free.batch_warmup_fraction) == ("constant", 0.05, 0.2)
    assert spec.training_by("adamw").schedule.shape == "wsd"
