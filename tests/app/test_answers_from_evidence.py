"""Answers come from stored evidence and counts: none but a page of trials reads a trial."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from tests.app.served import Served
from tuner.coordinator.evidence_refresh import EvidenceRefresh
from tuner.spec.states import StudyState
from tuner.storage.sql.database import Database

ANSWERS = (
    "/v1/studies/{}",
    "/v1/studies/{}/recommendation?width=512",
    "/v1/studies/{}/sensitivity",
    "/v1/studies/{}/coordinate-check",
    "/v1/studies",
    "/",
)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """SQL that the database is asked with inside the block."""
    asked: list[str] = []

    def note(*call: object) -> None:
        asked.append(str(call[2]))

    event.listen(database.readers, "before_cursor_execute", note)
    yield asked
    event.remove(database.readers, "before_cursor_execute", note)


def refreshed(served: Served, until: StudyState | None = None) -> str:
    study_id = served.submit()
    served.advance(study_id, until=until)
    EvidenceRefresh(served.database).turn()
    return study_id


@pytest.mark.parametrize("until", [StudyState.MEASURING, None])
def test_no_answer_reads_a_trial(served: Served, until: StudyState | None) -> None:
    study_id = refreshed(served, until)
    for path in ANSWERS:
        with statements(served.database) as asked:
            assert served.client.get(path.format(study_id)).status_code == 200, path
        assert asked
        assert [sql for sql in asked if re.search(r"FROM (trials|curves)\b", sql)] == [], path
    with statements(served.database) as asked:
        assert served.client.get(f"/studies/{study_id}").status_code == 200
    assert [sql for sql in asked if "FROM trials" in sql and "LIMIT" not in sql] == []


def test_stored_evidence_gives_the_answers_of_all_trials(served: Served) -> None:
    study_id = served.submit()
    served.advance(study_id)
    paths = [path.format(study_id) for path in ANSWERS] + [f"/studies/{study_id}"]
    computed = [served.client.get(path).text for path in paths]
    EvidenceRefresh(served.database).turn()
    assert [served.client.get(path).text for path in paths] == computed


def test_trials_and_curves_are_listed_page_by_page(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    for kind, limit in (("trials", 1000), ("curves", 100)):
        path = f"/v1/studies/{study_id}/{kind}"
        everything = served.client.get(path, params={"page_size": limit}).json()
        assert everything["next_page_token"] is None
        found, token = [], None
        while True:
            query = {"page_size": 7} | ({"page_token": token} if token else {})
            page = served.client.get(path, params=query).json()
            assert len({one["number"] for one in page[kind]}) <= 7
            found += page[kind]
            token = page["next_page_token"]
            if token is None:
                break
        assert found == everything[kind]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("page_size=0", "/page_size"),
        ("page_size=1001", "/page_size"),
        ("page_token=nonsense", "/page_token"),
        (f"width={2**40}", "/width"),
    ],
)
def test_a_page_that_there_cannot_be_is_refused(
    finished: tuple[Served, str], query: str, pointer: str
) -> None:
    served, study_id = finished
    response = served.client.get(f"/v1/studies/{study_id}/trials?{query}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"].startswith(pointer)


def test_the_page_shows_a_hundred_trials_and_links_to_the_next(served: Served) -> None:
    study_id = served.submit(measure={"seeds": 4})
    served.advance(study_id)
    text = served.client.get(f"/studies/{study_id}/trials").text
    in_all = sum(served.client.get(f"/v1/studies/{study_id}").json()["progress"]["trials"].values())
    assert in_all > 100
    assert text.count('<tr id="trial-') == 100
    (link,) = re.findall(r'href="(/studies/[^"]+)">Next trials', text)
    following = served.client.get(link).text
    assert '<tr id="trial-100">' in following
    assert "First trials" in following
