"""Studies over HTTP: asked for once, listed, read, stopped and resumed."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.app.served import SPEC, Served

MINIMAL = {"family": {"name": "mlp"}, "target": {"width": 512}}


def test_a_study_is_accepted_with_its_address_and_every_default(client: httpx.Client) -> None:
    response = client.post("/v1/studies", json=MINIMAL)
    study = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/v1/studies/{study['id']}"
    assert study["state"] == "queued"
    assert study["spec"]["dataset"] == {"name": "digits"}
    assert study["spec"]["proxy_width"] == 64
    assert study["spec"]["training"]["steps"] == 200
    stored = client.get(response.headers["location"])
    assert stored.json() == study
    assert stored.headers["etag"] == response.headers["etag"]


def test_a_study_that_nobody_works_on_says_so(client: httpx.Client) -> None:
    assert "widthwise up" in client.post("/v1/studies", json=MINIMAL).json()["problem"]


def test_every_link_of_a_study_leads_somewhere(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    links = served.client.get(f"/v1/studies/{study_id}").json()["links"]
    for name, path in links.items():
        with served.client.stream("GET", path) as response:
            assert response.status_code == 200, name


def test_the_same_key_and_body_give_the_same_study(client: httpx.Client) -> None:
    key = {"idempotency-key": "once"}
    first = client.post("/v1/studies", json=MINIMAL, headers=key)
    again = client.post("/v1/studies", json=dict(reversed(MINIMAL.items())), headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert len(client.get("/v1/studies").json()["studies"]) == 1


def test_the_same_key_with_another_body_is_refused(client: httpx.Client) -> None:
    key = {"idempotency-key": "once"}
    client.post("/v1/studies", json=MINIMAL, headers=key)
    response = client.post("/v1/studies", json=MINIMAL | {"seed": 1}, headers=key)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["in"], error["pointer"]) == ("header", "/Idempotency-Key")
    assert len(client.get("/v1/studies").json()["studies"]) == 1


def test_a_key_sent_by_eight_threads_at_once_makes_one_study(served: Served) -> None:
    def submit(_: int) -> httpx.Response:
        return httpx.post(
            f"{served.address}/v1/studies",
            json=MINIMAL,
            headers={"idempotency-key": "once"},
            trust_env=False,
        )

    with ThreadPoolExecutor(8) as threads:
        responses = list(threads.map(submit, range(8)))
    assert {response.status_code for response in responses} == {202}
    assert len({response.headers["location"] for response in responses}) == 1
    assert len(served.client.get("/v1/studies").json()["studies"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9"])
def test_a_key_that_is_none_is_refused(client: httpx.Client, key: str) -> None:
    headers = [(b"idempotency-key", key.encode())]
    response = client.post("/v1/studies", json=MINIMAL, headers=headers)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/Idempotency-Key"
    assert client.get("/v1/studies").json()["studies"] == []


def test_studies_are_listed_page_by_page_newest_first(served: Served) -> None:
    submitted = [served.submit(name=f"study {i}") for i in range(5)]
    listed, token = [], None
    while True:
        query = {"page_size": 2} | ({"page_token": token} if token else {})
        page = served.client.get("/v1/studies", params=query).json()
        listed += [study["id"] for study in page["studies"]]
        token = page["next_page_token"]
        if token is None:
            break
    assert listed == submitted[::-1]


def test_studies_are_listed_by_state(served: Served) -> None:
    kept, cancelled = served.submit(), served.submit()
    served.client.post(f"/v1/studies/{cancelled}:cancel")
    by_state = {
        state: [s["id"] for s in served.client.get(f"/v1/studies?state={state}").json()["studies"]]
        for state in ("queued", "cancelled", "completed")
    }
    assert by_state == {"queued": [kept], "cancelled": [cancelled], "completed": []}


def test_a_study_is_paused_and_goes_on_where_it_was(served: Served) -> None:
    path = f"/v1/studies/{served.submit()}"
    paused = served.client.post(f"{path}:pause")
    assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    assert paused.json()["resume_state"] == "queued"
    assert paused.json()["problem"] is None
    assert served.client.post(f"{path}:pause").json() == paused.json()
    resumed = served.client.post(f"{path}:resume").json()
    assert (resumed["state"], resumed["version"]) == ("queued", 3)
    assert served.client.get(path).headers["etag"].startswith('"3.')


def test_a_cancelled_study_stays_cancelled(served: Served) -> None:
    path = f"/v1/studies/{served.submit()}"
    assert served.client.post(f"{path}:cancel").json()["state"] == "cancelled"
    assert served.client.post(f"{path}:cancel").status_code == 200
    response = served.client.post(f"{path}:resume")
    assert response.status_code == 409
    assert "cancelled" in response.json()["detail"]


def test_a_completed_study_reports_all_its_phases(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    study = served.client.get(f"/v1/studies/{study_id}").json()
    assert study["state"] == "completed"
    progress = study["progress"]
    phases = {phase["phase"]: phase for phase in progress["phases"]}
    assert list(phases) == ["check", "search", "measure", "control"]
    assert phases["search"]["planned"] == SPEC["search"]["trials"]
    for phase in phases.values():
        assert phase["complete"] + phase["pruned"] + phase["fail"] == phase["planned"]
    assert progress["fraction"] == 1
    assert progress["eta_seconds"] is None
    assert progress["best_loss"] < 5
