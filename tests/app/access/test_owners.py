"""Hide another owner's studies from every route of the API, every page and every stream."""

import re
from dataclasses import replace
from typing import Any

import httpx

from tests.app.access.keyed import client_of, made_key, submitted
from tests.app.coordinated import Coordinated
from tests.app.described import operations
from tests.app.served import Served
from tests.tuner.own_trainer import report

ROUTES = operations()
OF_A_STUDY = [(method, path) for method, path in ROUTES if "{study_id}" in path]
LISTS = [
    (method, path)
    for method, path in ROUTES
    if method == "GET"
    and "{" not in path
    and not path.startswith(("/v1/api-keys", "/v1/events"))
    and not path.endswith(":compare")
]
LEASE = {"worker": "w", "ttl_seconds": 60}
BODIES: dict[str, Any] = {
    "/v1/studies/{study_id}:lease": LEASE,
    "/v1/studies/{study_id}/coordinate-check": {"optimizer": "adamw", "statistics": []},
}


def test_another_owners_study_is_not_found_by_any_route(
    ana: httpx.Client, ben: httpx.Client
) -> None:
    study_id, none = submitted(ana), "std_0000000000000000"
    assert len(OF_A_STUDY) > 15
    for method, path in OF_A_STUDY:
        where = re.sub(r"\{\w+\}", "shr_1", path.replace("{study_id}", study_id))
        body = BODIES.get(path, {}) if method in ("POST", "PATCH") else None
        theirs = ben.request(method, where, json=body)
        nobodys = ben.request(method, where.replace(study_id, none), json=body)
        assert theirs.status_code in (404, 422), (method, where, theirs.text)
        assert theirs.text.replace(study_id, none) == nobodys.text, (method, where)


def test_another_owners_check_is_not_found(ana: httpx.Client, ben: httpx.Client) -> None:
    made = ana.post("/v1/coordinate-checks", json={"family": {"name": "mlp"}}).json()
    own, none = made["links"]["self"], "/v1/coordinate-checks/std_0000000000000000"
    assert ana.get(own).json()["owner"] == "ana"
    for method, action in (("GET", ""), ("POST", ":cancel")):
        theirs, nobodys = (ben.request(method, f"{at}{action}") for at in (own, none))
        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert theirs.json()["type"] == "urn:widthwise:problem:check-not-found"
    assert made["id"] not in ben.get("/v1/coordinate-checks").text
    assert made["id"] in ana.get("/v1/coordinate-checks").text


def test_a_key_that_reads_takes_no_check(ana: httpx.Client, served: Served) -> None:
    made = ana.post("/v1/coordinate-checks", json={"family": {"name": "mlp"}}).json()
    with client_of(served, made_key(served.database, "read", owner="ana")[1]) as reader:
        assert reader.get(made["links"]["self"]).status_code == 200
        asked = reader.post("/v1/coordinate-checks", json={"family": {"name": "mlp"}})
        assert asked.status_code == 403
        assert reader.post(f"{made['links']['self']}:cancel").status_code == 403


def test_no_list_tells_of_another_owners_study(ana: httpx.Client, ben: httpx.Client) -> None:
    study_id = submitted(ana)
    for method, path in LISTS:
        answer = ben.request(method, path)
        assert answer.status_code == 200, (path, answer.text)
        assert study_id not in answer.text, path


def test_another_owners_study_is_compared_with_none(ana: httpx.Client, ben: httpx.Client) -> None:
    own, other = submitted(ben), submitted(ana)
    for path in (f"ids={own},{other}", f"ids={other},{own}"):
        refused = ben.get(f"/v1/studies:compare?{path}")
        assert refused.status_code == 404
        assert refused.text.count(other) == 1, "the id that was asked for, and nothing of it"


def test_pages_show_the_studies_of_the_sender(ana: httpx.Client, ben: httpx.Client) -> None:
    study_id = submitted(ana)
    assert study_id in ana.get("/").text
    assert study_id not in ben.get("/").text
    assert ana.get(f"/studies/{study_id}").status_code == 200
    assert ben.get(f"/studies/{study_id}").status_code == 404


def test_answers_for_review_are_those_of_the_sender(
    ana: httpx.Client, ben: httpx.Client, served: Served
) -> None:
    study_id = submitted(ana)
    served.advance(study_id)
    kept = ana.post(f"/v1/studies/{study_id}/recommendations", json={}).json()["id"]
    assert kept in ana.get("/recommendations").text
    shown = ben.get("/recommendations")
    assert shown.status_code == 200
    assert kept not in shown.text


def test_an_administrator_makes_keys_and_sees_no_study(
    ana: httpx.Client, admin: httpx.Client
) -> None:
    study_id = submitted(ana)
    assert admin.get(f"/v1/studies/{study_id}").status_code == 404
    assert admin.get("/v1/api-keys").status_code == 200


def test_two_keys_of_an_owner_reach_the_same_studies(ana: httpx.Client, served: Served) -> None:
    study_id = submitted(ana)
    with client_of(served, made_key(served.database, "read", owner="ana")[1]) as other:
        assert other.get(f"/v1/studies/{study_id}").json()["owner"] == "ana"
        assert other.post(f"/v1/studies/{study_id}:pause").status_code == 403


def test_studies_from_before_the_first_key_are_of_the_owner_local(served: Served) -> None:
    study_id = served.submit()
    _, secret = made_key(served.database, "read", owner="local")
    with client_of(served, secret) as client:
        assert client.get(f"/v1/studies/{study_id}").json()["owner"] == "local"


def test_trainers_lease_and_report_for_their_owner_alone(
    ana: httpx.Client, ben: httpx.Client, served: Served
) -> None:
    study = Coordinated(replace(served, client=ana))
    lease = study.lease()
    assert ben.post(f"/v1/studies/{study.study}:lease", json=LEASE).status_code == 404
    body = report(lease, 1, [2.0])
    assert ben.post(f"/v1/orders/{lease['order']}/reports", json=body).status_code == 404
    assert study.report(lease, body).status_code == 200
    assert lease["order"] not in ben.get("/v1/workers").text


def test_an_answer_that_is_kept_is_not_given_to_another_owner(
    ana: httpx.Client, ben: httpx.Client, served: Served
) -> None:
    study_id = submitted(ana)
    served.advance(study_id)
    path = f"/v1/studies/{study_id}/recommendation"
    for _ in range(2):
        assert ana.get(path).status_code == 200
        assert ben.get(path).status_code == 404
