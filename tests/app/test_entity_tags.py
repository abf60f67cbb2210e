"""An answer's ETag changes when its body does, and requests may depend on it."""

import pytest

from tests.app.served import Served
from tests.tuner.analytic_engine import AnalyticEngine
from tuner.coordinator.reconcile import tick
from tuner.spec.states import StudyState


def test_every_answer_has_a_tag_that_follows_its_body(served: Served) -> None:
    study_id = served.submit()
    seen: dict[str, set[tuple[str, str]]] = {}
    for state in (None, "pause", "resume"):
        if state is not None:
            served.client.post(f"/v1/studies/{study_id}:{state}")
        for path in (f"/v1/studies/{study_id}", "/v1/studies", "/v1/families"):
            answer = served.client.get(path)
            seen.setdefault(path, set()).add((answer.headers["etag"], answer.text))
    for pairs in seen.values():
        assert len({tag for tag, _ in pairs}) == len({body for _, body in pairs}) == len(pairs)
    assert [len(pairs) for pairs in seen.values()] == [3, 2, 1]


def test_progress_changes_the_tag_and_not_its_version(served: Served) -> None:
    study_id = served.submit()
    path = f"/v1/studies/{study_id}"
    served.advance(study_id, until=StudyState.SEARCHING)
    before = served.client.get(path)
    engine = AnalyticEngine(slots=1)
    while served.client.get(path).text == before.text:
        tick(served.database, engine, wait_seconds=0.0)
    after = served.client.get(path)
    assert after.json()["version"] == before.json()["version"]
    assert after.headers["etag"] != before.headers["etag"]
    wanted = {"if-none-match": before.headers["etag"]}
    assert served.client.get(path, headers=wanted).status_code == 200


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_who_has_the_answer_already_gets_304_and_no_body(untouched: Served, form: str) -> None:
    first = untouched.client.get("/v1/optimizers")
    wanted = {"if-none-match": form.format(first.headers["etag"])}
    again = untouched.client.get("/v1/optimizers", headers=wanted)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert "content-type" not in again.headers


@pytest.mark.parametrize("wanted", ['"other"', "nonsense", ""])
def test_who_has_another_answer_gets_the_body(untouched: Served, wanted: str) -> None:
    answer = untouched.client.get("/v1/optimizers", headers={"if-none-match": wanted})
    assert answer.status_code == 200
    assert answer.json()["optimizers"]


def test_an_error_is_no_answer_to_keep(untouched: Served) -> None:
    answer = untouched.client.get("/v1/studies/std_nobody", headers={"if-none-match": "*"})
    assert answer.status_code == 404
    assert "etag" not in answer.headers


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_an_action_on_a_study_that_has_moved_on_is_refused(served: Served, action: str) -> None:
    path = f"/v1/studies/{served.submit()}"
    read = served.client.get(path).headers["etag"]
    paused = served.client.post(f"{path}:pause", headers={"if-match": read})
    assert paused.status_code == 200
    late = served.client.post(f"{path}:{action}", headers={"if-match": read})
    assert late.status_code == 412
    assert late.json()["errors"][0]["pointer"] == "/If-Match"
    assert served.client.get(path).json() == paused.json()
    current = {"if-match": paused.headers["etag"]}
    assert served.client.post(f"{path}:resume", headers=current).status_code == 200


@pytest.mark.parametrize(("if_match", "status"), [("*", 200), ('"nonsense"', 412), ("x", 412)])
def test_any_study_matches_a_star_and_none_a_tag_that_was_never_given(
    served: Served, if_match: str, status: int
) -> None:
    path = f"/v1/studies/{served.submit()}:pause"
    assert served.client.post(path, headers={"if-match": if_match}).status_code == status


def test_a_weak_tag_permits_no_change(served: Served) -> None:
    path = f"/v1/studies/{served.submit()}"
    weak = "W/" + served.client.get(path).headers["etag"]
    assert served.client.post(f"{path}:pause", headers={"if-match": weak}).status_code == 412
