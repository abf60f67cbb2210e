"""Numbers at and beyond their limits: accepted or refused with the reason, never a fault.

What is accepted must also be answered for ever: its specification is put on a study that has
finished, and everything that can be read of that study is read.
"""

import copy
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import select, update

from app.http.field_errors import field_errors
from app.http.problems import PROBLEM_JSON
from app.settings import AppSettings
from tests.app.described import described
from tests.app.requests.numbers import EVERYWHERE, Number, numbers
from tests.app.served import SPEC, Served, serving
from tuner.spec.optimizers.records import RECORDS
from tuner.spec.study import StudySpec
from tuner.spec.submitted import STORED
from tuner.storage.sql.database import open_database
from tuner.storage.sql.tables import StudyRow, TrialRow
from tuner.storage.studies import read_snapshot

RULES = {"depth_rule": "completep", "horizon_rule": "complete-d"}
STUDIES: dict[str, dict[str, Any]] = {
    "adamw": SPEC | {"optimizers": [{"name": "adamw"}], "policies": RULES},
    "muon_spectral": SPEC | {"optimizers": [{"name": "muon_spectral"}], "policies": RULES},
    "sgd": SPEC | {"optimizers": [{"name": "sgd"}]},
}
"""What the analytic engine finds an optimum for, one study each."""
FAMILIES = ("mlp", "gpt", "resnet", "vit", "unet", "dit", "gan")
READ = ("", "/recommendation", "/recommendation?format=python")
"""What a specification takes part in; the rest of a study's answers are its trials'."""


@pytest.fixture(scope="module")
def studied(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, dict[str, str]]]:
    """A service with a completed study of every optimizer, and their ids."""
    path = tmp_path_factory.mktemp("boundaries") / "widthwise.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = open_database(f"sqlite:///{path}")
    with serving(database, AppSettings()) as served:
        ids = {}
        for name, asked in STUDIES.items():
            small = {"control": "none", "search": {"trials": 4}, "measure": {"grid_points": 5}}
            ids[name] = served.submit(**(asked | small))
            served.advance(ids[name])
        yield served, ids
    database.close()


def submission() -> tuple[dict[str, Any], dict[str, Any]]:
    schema = StudySpec.model_json_schema()
    return schema, schema["$defs"]


def common_numbers() -> list[Number]:
    """Those that every study has: not the family's, not the optimizers'."""
    schema, definitions = submission()
    found = numbers(schema, definitions)
    return [number for number in found if number.way[0] not in ("family", "optimizers")]


def family_numbers(name: str) -> list[Number]:
    _, definitions = submission()
    own = definitions[name.capitalize()]
    return [Number(("family", *one.way), one.limits) for one in numbers(own, definitions)]


def optimizer_numbers(name: str) -> list[Number]:
    schema = RECORDS[name].model_json_schema()
    found = numbers(schema, schema["$defs"])
    return [Number(("optimizers", "0", *one.way), one.limits) for one in found]


def with_number(asked: dict[str, Any], way: tuple[str, ...], value: float) -> dict[str, Any]:
    """The submission with one number set; a list gets it beside two harmless ones."""
    changed = copy.deepcopy(asked)
    place: Any = changed
    *outer, last = [key for key in way if key != "[]"]
    for key in outer:
        place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        if not isinstance(place, dict | list):
            return asked
    if last in ("low", "high", "step"):
        place.update({"type": "float"} | ({} if "low" in place else {"low": 0.01, "high": 0.9}))
        place["log"] = way[-2] == "learning_rate"
    place[last] = [value, 128, 256] if way[-1] == "[]" else value
    if last == "choices":
        place["type"] = "categorical"
    return changed


def tried(found: list[Number]) -> Iterator[tuple[tuple[str, ...], float]]:
    for number in found:
        for value in dict.fromkeys((*number.limits, *EVERYWHERE)):
            yield number.way, value


def accepted(served: Served, asked: dict[str, Any]) -> StudySpec | None:
    """What is stored of a submission over HTTP; None if it was refused properly."""
    response = served.client.post("/v1/studies", json=asked)
    if response.status_code == 422:
        assert response.headers["content-type"] == PROBLEM_JSON
        assert response.json()["errors"], asked
        return None
    assert response.status_code == 202, (asked, response.text)
    return StudySpec.model_validate(response.json()["spec"])


def validated(asked: dict[str, Any]) -> StudySpec | None:
    """The same without HTTP, which answers every other exception with 500."""
    try:
        spec = StudySpec.model_validate(asked)
    except ValidationError as error:
        errors = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        if not field_errors(errors, asked):
            raise
        return None
    assert StudySpec.model_validate(json.loads(spec.model_dump_json()), context=STORED) == spec
    return spec


def plant(served: Served, study_id: str, spec: StudySpec) -> None:
    """Have the finished study be of this specification, its trials with the fixed numbers."""
    with served.database.write() as session:
        own = session.execute(select(TrialRow).where(TrialRow.study_id == study_id)).scalars()
        for trial in own:
            rate = trial.hyperparameters["learning_rate"]
            fixed = spec.optimizers[0].fixed
            trial.hyperparameters = trial.hyperparameters | fixed | {"learning_rate": rate}
        document = json.loads(spec.model_dump_json())
        session.execute(update(StudyRow).where(StudyRow.id == study_id).values(spec=document))


def read_everything(served: Served, study_id: str, why: object) -> None:
    own = f"/v1/studies/{study_id}"
    for path in (f"/studies/{study_id}", *(own + part for part in READ)):
        response = served.client.get(path)
        assert response.status_code in (200, 409, 422), (why, path, response.text[:2_000])
        if response.headers["content-type"] == "application/json":
            json.loads(response.content, parse_constant=pytest.fail)


def check_answers(
    studied: tuple[Served, dict[str, str]], optimizer: str, found: list[Number]
) -> None:
    served, ids = studied
    specs = [
        (way, value, spec)
        for way, value in tried(found)
        if (spec := validated(with_number(STUDIES[optimizer], way, value))) is not None
    ]
    assert specs
    for way, value, spec in specs:
        plant(served, ids[optimizer], spec)
        read_everything(served, ids[optimizer], (way, value))


def test_targets_at_every_limit_are_answered(studied: tuple[Served, dict[str, str]]) -> None:
    of_target = [number for number in common_numbers() if number.way[0] == "target"]
    assert {number.way[-1] for number in of_target} == {
        *("width", "depth", "batch_size", "tokens", "steps")
    }
    check_answers(studied, "adamw", of_target)


@pytest.mark.parametrize("optimizer", STUDIES)
def test_an_optimizers_numbers_at_every_limit_are_answered(
    studied: tuple[Served, dict[str, str]], optimizer: str
) -> None:
    fixed = [one for one in optimizer_numbers(optimizer) if len(one.way) == 3]
    check_answers(studied, optimizer, fixed)


def test_numbers_that_all_studies_have_are_taken_or_refused() -> None:
    others = [number for number in common_numbers() if number.way[0] != "target"]
    assert len(others) >= 20
    for way, value in tried(others):
        validated(with_number(STUDIES["sgd"], way, value))


@pytest.mark.parametrize("optimizer", ["adamw", "muon_spectral"])
def test_distributions_at_every_limit_are_taken_or_refused(optimizer: str) -> None:
    ends = [one for one in optimizer_numbers(optimizer) if len(one.way) > 3]
    assert ends
    for way, value in tried(ends):
        validated(with_number(STUDIES[optimizer], way, value))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_familys_numbers_at_every_limit_are_taken_or_refused(family: str) -> None:
    for way, value in tried(family_numbers(family)):
        asked = {"family": {"name": family}, "target": {"width": 2**20}}
        validated(with_number(asked, way, value))


@pytest.mark.parametrize("optimizer", STUDIES)
def test_recommendations_for_any_target_within_the_limits_are_answered(
    studied: tuple[Served, dict[str, str]], optimizer: str
) -> None:
    served, ids = studied
    limits = {
        "width": (256, 2**20),
        "depth": (1, 1024),
        "batch_size": (1, 2**24),
        "tokens": (1, 10**18 - 1, 10**18),
    }
    plant(served, ids[optimizer], StudySpec.model_validate(STUDIES[optimizer]))
    for chosen in product(*limits.values()):
        query: dict[str, str | int] = dict(zip(limits, chosen, strict=True))
        check_answer(served, ids[optimizer], query)


@pytest.mark.parametrize("value", [0, -1, 2**63, 10**30, "1e30", "1.5", "true", "nan", ""])
@pytest.mark.parametrize("name", ["width", "depth", "batch_size", "tokens"])
def test_targets_beyond_the_limits_are_refused_by_the_parameters_name(
    studied: tuple[Served, dict[str, str]], name: str, value: object
) -> None:
    served, ids = studied
    response = served.client.get(
        f"/v1/studies/{ids['sgd']}/recommendation", params={name: str(value)}
    )
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [f"/{name}"]


def numbers_of_queries() -> list[Any]:
    """Path, name and numbers of every query parameter that takes some."""
    document = described()
    found = [
        (path, parameter["name"], parameter["schema"])
        for path, operations in document["paths"].items()
        for parameter in operations.get("get", {}).get("parameters", ())
        if parameter["in"] == "query" and "/events" not in path
    ]
    return [
        pytest.param(path, name, own, id=f"{path}?{name}")
        for path, name, schema in found
        if (own := list(numbers(schema, document["components"]["schemas"])))
    ]


@pytest.mark.parametrize(("path", "name", "taken"), numbers_of_queries())
def test_every_number_of_every_query_is_taken_or_refused(
    studied: tuple[Served, dict[str, str]], path: str, name: str, taken: list[Number]
) -> None:
    served, ids = studied
    address = path.replace("{study_id}", ids["sgd"])
    for way, value in tried(taken):
        response = served.client.get(address, params={name: value})
        no_sweep = {404} if path.startswith("/v1/sweeps/") else set()  # the study is of no table
        assert response.status_code in {200, 422} | no_sweep, (way, value, response.text)


def check_answer(served: Served, study_id: str, query: dict[str, str | int]) -> None:
    response: httpx.Response = served.client.get(
        f"/v1/studies/{study_id}/recommendation", params=query
    )
    assert response.status_code in (200, 422), (query, response.text)
    if response.status_code == 422:
        assert response.json()["errors"][0]["detail"]
        return
    answer = response.json()
    assert answer["schedule"]["preview"][-1]["step"] == answer["target"]["steps"] - 1
    for group in answer["groups"]:
        assert group["learning_rate"] > 0
        assert group["beta1"] is None or 0 <= group["beta1"] < 1
        assert group["beta2"] is None or 0 <= group["beta2"] < 1


def test_a_stored_target_of_the_most_tokens_can_be_read(
    studied: tuple[Served, dict[str, str]],
) -> None:
    served, ids = studied
    target = {"width": 256, "batch_size": 1, "tokens": 10**18}
    spec = accepted(served, STUDIES["adamw"] | {"target": target})
    assert spec is not None
    plant(served, ids["adamw"], spec)
    with served.database.read() as session:
        assert read_snapshot(session, ids["adamw"]).study.spec == spec
    read_everything(served, ids["adamw"], target)
