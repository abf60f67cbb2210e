"""A recommendation leaves in the form that `format=` or `Accept` asks for."""

import json

import httpx
import pytest
import yaml

from app.exported import BUNDLE
from app.http.headers.accepted import accepted
from tests.app.served import Served

OFFERED = {"application/json": "json", "application/yaml": "yaml", "text/x-python": "torch"}


def asked(served: Served, study_id: str, accept: str | None, **query: str) -> httpx.Response:
    headers = {} if accept is None else {"accept": accept}
    path = f"/v1/studies/{study_id}/recommendation"
    return served.client.get(path, params=query, headers=headers)


@pytest.mark.parametrize(
    ("header", "form"),
    [
        (None, "json"),
        ("", "json"),
        ("*/*", "json"),
        ("application/yaml", "yaml"),
        ("text/*", "torch"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "json"),
        ("application/json;q=0.1, application/yaml;q=0.2", "yaml"),
        ("*/*;q=0.1, text/x-python", "torch"),
        ("application/json;q=0, */*", "yaml"),
        ("application/yaml;q=nonsense, application/json", "json"),
    ],
)
def test_the_header_chooses_the_form_it_likes_best(header: str | None, form: str) -> None:
    assert accepted(header, OFFERED) == form


def test_accept_chooses_a_form_where_no_format_is_given(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    as_yaml = asked(served, study_id, "application/yaml")
    assert as_yaml.headers["content-type"] == "application/yaml"
    assert as_yaml.headers["vary"] == "Accept"
    assert yaml.safe_load(as_yaml.text) == asked(served, study_id, None).json()
    as_python = asked(served, study_id, "text/x-python")
    assert as_python.text == asked(served, study_id, None, format="torch").text


def test_a_format_wins_over_accept(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    answer = asked(served, study_id, "application/json", format="yaml")
    assert answer.headers["content-type"] == "application/yaml"


def test_what_no_form_is_of_is_not_acceptable(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    answer = asked(served, study_id, "image/png")
    assert answer.status_code == 406
    assert "application/yaml" in answer.json()["detail"]


def test_several_files_are_one_object_with_what_they_leave_out(
    finished: tuple[Served, str],
) -> None:
    served, study_id = finished
    answer = asked(served, study_id, None, format="deepspeed").json()
    assert answer["files"].keys() == {"train_target.py", "ds_config.json"}
    assert json.loads(answer["files"]["ds_config.json"])["gradient_clipping"] == 0.0
    one = asked(served, study_id, BUNDLE, format="torch")
    assert one.headers["content-type"] == BUNDLE
    (text,) = one.json()["files"].values()
    assert text == asked(served, study_id, None, format="python").text


@pytest.mark.parametrize(
    ("form", "words"),
    [("litgpt", "overwrites the learning rate"), ("xml", "use one of"), ("muon", "muon_spectral")],
)
def test_a_form_that_cannot_be_is_a_problem_of_the_format(
    finished: tuple[Served, str], form: str, words: str
) -> None:
    served, study_id = finished
    answer = asked(served, study_id, None, format=form)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/format"
    assert words in error["detail"]


def test_the_schema_lists_every_form(finished: tuple[Served, str]) -> None:
    served, _ = finished
    paths = served.client.get("/openapi.json").json()["paths"]
    listed = paths["/v1/studies/{study_id}/recommendation"]["get"]["parameters"]
    (form,) = [one for one in listed if one["name"] == "format"]
    assert {"torchtitan", "megatron", "python"} <= set(form["schema"]["enum"])
