"""The API does what /openapi.json says: tried with generated requests on real databases."""

import copy
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from jsonschema import Draft202012Validator
from psycopg import sql
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import URL

from app.http.examples import EXAMPLES
from app.settings import AppSettings
from tests.app.described import described
from tests.app.served import Served, serving
from tests.patience import PATIENCE_SECONDS
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


schema = schemathesis.openapi.from_dict(dict(described())).exclude(path_regex="/events$")  # endless


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def studied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, str]]:
    """A service on either database, with a study that has been measured."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("openapi") / "widthwise.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        # Made anew where a worker of pytest takes tests over from another one.
        name = f"openapi_{uuid.uuid4().hex}"
        server: URL = request.getfixturevalue("postgres_server").set(database=name)
        admin = server.set(database="postgres", drivername="postgresql")
        with psycopg.connect(admin.render_as_string(hide_password=False), autocommit=True) as to:
            to.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = server.render_as_string(hide_password=False)
        migrate(url)
    database = open_database(url)
    with serving(database, AppSettings()) as served:
        study_id = served.submit(control="none", search={"trials": 4}, measure={"grid_points": 5})
        served.advance(study_id)
        yield served, study_id
    database.close()


@schema.parametrize()
@settings(max_examples=8, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_generated_requests_are_answered_as_described(
    case: schemathesis.Case[Any], studied: tuple[Served, str]
) -> None:
    served, study_id = studied
    if "study_id" in case.path_parameters and len(case.query) % 2:
        case.path_parameters["study_id"] = study_id
    check(case, served)


def with_few_kinds() -> dict[str, Any]:
    """The description with one family, the optimizer of most numbers, and two searched fields.

    The others differ in numbers alone, and every one multiplies the limits to try.
    """
    document = copy.deepcopy(dict(described()))
    spec = document["components"]["schemas"]["StudySpec"]["properties"]
    few = {"Mlp", "MuonSpectral"}
    for union in (spec["family"], spec["optimizers"]["items"]):
        union["oneOf"] = [kind for kind in union["oneOf"] if _named(kind["$ref"]) in few]
        mapping = union["discriminator"]["mapping"]
        union["discriminator"]["mapping"] = {k: v for k, v in mapping.items() if _named(v) in few}
        assert len(union["oneOf"]) == 1
    searched = document["components"]["schemas"]["SearchedTraining"]["properties"]
    for name in searched.keys() - {"shape", "warmup_fraction"}:
        del searched[name]
    return document


def _named(reference: str) -> str:
    return reference.rpartition("/")[2]


submissions = schemathesis.openapi.from_dict(with_few_kinds())


@submissions.include(path="/v1/studies", method="POST").parametrize()
@settings(phases=[Phase.explicit], suppress_health_check=list(HealthCheck))
def test_specifications_at_and_beyond_every_limit_are_answered_as_described(
    case: schemathesis.Case[Any], untouched: Served
) -> None:
    check(case, untouched)


def check(case: schemathesis.Case[Any], served: Served) -> None:
    response = case.call_and_validate(
        base_url=served.address, checks=CHECKS, timeout=PATIENCE_SECONDS
    )
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"]


def test_every_error_is_described_as_a_problem_document() -> None:
    document = described()
    assert "Problem" in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = operation["responses"]
            assert "default" not in answers, "with it no status would be undocumented"
            errors = {status: answers[status] for status in answers if status >= "400"}
            assert {"400", "422", "503"} <= errors.keys(), (method, path)
            for answer in errors.values():
                assert answer["content"].keys() == {"application/problem+json"}, (method, path)


def test_operations_are_named_once_each_by_plain_words() -> None:
    names = [
        operation["operationId"]
        for operations in described()["paths"].values()
        for operation in operations.values()
    ]
    assert len(names) == len(set(names))
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", name) for name in names)


def test_every_route_and_parameter_is_documented() -> None:
    documentation = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    missing = [
        words
        for path, operations in described()["paths"].items()
        for method, operation in operations.items()
        for words in [
            f"`{method.upper()} {path}`",
            *(at["name"] for at in operation.get("parameters", ()) if at["in"] != "path"),
        ]
        if words.lower() not in documentation.lower()
    ]
    assert missing == []


def test_every_body_has_an_example_that_its_schema_permits() -> None:
    document = described()
    shown = {}
    for operations in document["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                body = operation["requestBody"]["content"]["application/json"]
                schema = {**body["schema"], "components": document["components"]}
                Draft202012Validator(schema).validate(body["example"])
                shown[operation["operationId"]] = body["example"]
    assert shown == dict(EXAMPLES)


@pytest.mark.parametrize(
    ("path", "name", "status"),
    [
        ("/v1/studies", "create_study", 202),
        ("/v1/coordinate-checks", "create_coordinate_check", 202),
        ("/v1/studies:preview", "preview_study", 200),
        ("/v1/sweeps", "create_sweeps", 201),
        ("/v1/webhooks", "create_webhook", 201),
    ],
)
def test_examples_are_answered(served: Served, path: str, name: str, status: int) -> None:
    answer = served.client.post(path, json=EXAMPLES[name])
    assert answer.status_code == status, answer.text
