"""A target's own configuration over HTTP."""

from typing import Any

import httpx
import pytest

from tests.app.served import Served

CONFIG: dict[str, Any] = {
    **{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2},
    **{"num_attention_heads": 4, "intermediate_size": 172, "vocab_size": 256},
}


def asked(served: Served, study_id: str, config: object, **fields: object) -> httpx.Response:
    body = {"target_config": config, "batch_size": 8, "tokens": 4096, **fields}
    return served.client.post(f"/v1/studies/{study_id}/recommendation", json=body)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (CONFIG | {"hidden_size": 10**30}, "hidden_size: must be from 1"),
        (CONFIG | {"hidden_size": "64"}, "hidden_size: must be a whole number"),
        (CONFIG | {"model_type": "mamba"}, "model_type: 'mamba' is none of llama"),
        ("nonsense", "dim: is missing"),
        ("[" * 5_000, "this is no JSON"),
        ([], "target_config"),
        (None, "target_config"),
    ],
    ids=["huge", "type", "architecture", "words", "deep", "list", "null"],
)
def test_a_hostile_configuration_is_a_problem_that_names_the_field(
    finished: tuple[Served, str], config: object, words: str
) -> None:
    served, study_id = finished
    answer = asked(served, study_id, config)
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert all(error["pointer"].startswith("/target_config") for error in errors)
    assert words in str(errors)


@pytest.mark.parametrize("missing", ["batch_size", "tokens"])
def test_what_no_configuration_says_is_asked_for_by_name(
    finished: tuple[Served, str], missing: str
) -> None:
    served, study_id = finished
    answer = asked(served, study_id, CONFIG, **{missing: None})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{missing}"]


def test_a_study_of_another_kind_of_model_is_said_to_have_nothing_alike(
    finished: tuple[Served, str],
) -> None:
    served, study_id = finished
    answer = asked(served, study_id, CONFIG)
    assert answer.status_code == 422
    assert "no tensor of the study's model is like" in answer.json()["errors"][0]["detail"]
