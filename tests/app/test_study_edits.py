"""Labels, projects and priorities over HTTP: given, changed, and what lists are narrowed by."""

from typing import Any

import httpx
import pytest

from tests.app.served import Served
from tests.tuner.analytic_engine import AnalyticEngine
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.storage.sql.database import Database
from tuner.storage.studies import get_study

AWKWARD = 'a "quoted" $.name[0]=x'


def names(client: httpx.Client, **query: Any) -> list[str]:  # noqa: ANN401
    answered = client.get("/v1/studies", params=query)
    assert answered.status_code == 200, answered.text
    return sorted(study["name"] for study in answered.json()["studies"])


def test_an_edit_changes_what_it_names_and_nothing_else(served: Served) -> None:
    study_id = served.submit(project="vision", labels={"team": "a", "draft": "yes"}, priority=1)
    path = f"/v1/studies/{study_id}"
    before = served.client.get(path).json()
    edit = {"priority": 7, "labels": {"draft": None, "owner": "kim"}}
    edited = served.client.patch(path, json=edit)
    assert edited.status_code == 200
    after = edited.json()
    assert after["labels"] == {"team": "a", "owner": "kim"}
    assert (after["project"], after["priority"]) == ("vision", 7)
    assert after["spec"] == before["spec"], "what was submitted stays"
    assert after["version"] == before["version"] + 1
    assert served.client.get(path).headers["etag"] == edited.headers["etag"]
    assert served.client.patch(path, json=edit).json()["version"] == after["version"]


def test_an_edit_on_condition_of_another_version_is_refused(served: Served) -> None:
    path = f"/v1/studies/{served.submit()}"
    tag = served.client.get(path).headers["etag"]
    first = served.client.patch(path, json={"priority": 1}, headers={"if-match": tag})
    second = served.client.patch(path, json={"priority": 2}, headers={"if-match": tag})
    assert (first.status_code, second.status_code) == (200, 412)
    assert served.client.get(path).json()["priority"] == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"priority": 101}, "/priority"),
        ({"priority": "high"}, "/priority"),
        ({"labels": {"a": 1}}, "/labels/a"),
        ({"labels": {"a\u202e": "b"}}, "/labels/a\u202e"),
        ({"seed": 3}, "/seed"),
    ],
)
def test_an_edit_that_cannot_be_made_names_the_field(
    served: Served, body: dict[str, Any], pointer: str
) -> None:
    path = f"/v1/studies/{served.submit()}"
    refused = served.client.patch(path, json=body)
    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]


def test_a_study_has_no_more_labels_by_edits_than_by_submission(served: Served) -> None:
    path = f"/v1/studies/{served.submit(labels={f'a{n}': 'x' for n in range(32)})}"
    assert served.client.patch(path, json={"labels": {"b": "x"}}).status_code == 409
    swapped = served.client.patch(path, json={"labels": {"b": "x", "a0": None}})
    assert len(swapped.json()["labels"]) == 32


def test_an_edit_is_an_event_and_disturbs_no_work(served: Served) -> None:
    study_id = served.submit()
    memory, engine = Memory(), AnalyticEngine(slots=2)
    for _ in range(6):
        tick(served.database, engine, wait_seconds=0.0, memory=memory)
    before = [(order_id, *rest) for order_id, *rest in orders(served.database)]
    served.client.patch(f"/v1/studies/{study_id}", json={"priority": 5})
    assert orders(served.database)[: len(before)] == before
    served.advance(study_id)
    with served.database.read() as session:
        assert str(get_study(session, study_id).state) == "completed"
    ids = [order_id for order_id, *_ in orders(served.database)]
    assert len({_without_version(one) for one in ids}) == len(ids), "nothing was ordered twice"
    with served.client.stream("GET", f"/v1/studies/{study_id}/events") as stream:
        assert any(line == "event: study.edited" for line in stream.iter_lines())


def orders(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as session:
        found = session.connection().exec_driver_sql("SELECT id FROM orders ORDER BY id")
        return [tuple(row) for row in found]


def _without_version(order_id: str) -> str:
    return "-".join(part for part in order_id.split("-") if not part.startswith("v"))


def test_lists_are_narrowed_by_every_filter(served: Served) -> None:
    served.submit(name="One Base", project="vision", labels={"team": "a", AWKWARD: "b=c"})
    served.submit(name="two", labels={"team": "b"}, optimizers=[{"name": "sgd"}])
    served.submit(name="three", family={"name": "mlp"}, labels={"team": "a"})
    client = served.client
    assert names(client, project="vision") == ["One Base"]
    assert names(client, project="") == ["three", "two"]
    assert names(client, label="team") == ["One Base", "three", "two"]
    assert names(client, label="team=a") == ["One Base", "three"]
    assert names(client, label=["team=a", AWKWARD.partition("=")[0]]) == []
    assert names(client, optimizer="sgd") == ["two"]
    assert names(client, family="mlp") == ["three"]
    assert names(client, name="one base") == ["One Base"]
    assert names(client, name="%") == []
    assert names(client, state=["queued", "failed"]) == ["One Base", "three", "two"]
    assert names(client, state="failed") == []
    created = client.get("/v1/studies").json()["studies"][1]["created_at"]
    assert names(client, created_after=created) == ["three"]
    assert names(client, created_before=created) == ["One Base"]
    projects = client.get("/v1/projects").json()["projects"]
    assert projects == [{"name": "", "studies": 2}, {"name": "vision", "studies": 1}]


@pytest.mark.parametrize(
    "query", [{"created_after": "9999-12-31T23:59:59-23:00"}, {"created_after": "2026-01-01"}]
)
def test_a_time_that_is_none_is_refused(untouched: Served, query: dict[str, str]) -> None:
    assert untouched.client.get("/v1/studies", params=query).status_code == 422
