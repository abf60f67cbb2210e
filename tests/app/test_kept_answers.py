"""Keep answers about studies that have ended, and no others."""

import httpx
import pytest
from fastapi import Response
from sqlalchemy import update

from app.kept_answers import KeptAnswers
from app.schemas.evidence import sensitivity_read
from tests.app.served import Served
from tuner.evidence.study_evidence import study_evidence
from tuner.spec.states import StudyState
from tuner.storage.evidence import store_evidence
from tuner.storage.sql.tables import StudyEvidenceRow
from tuner.storage.studies import get_study, read_snapshot


def answer(text: str) -> Response:
    return Response(text, headers={"Vary": "Accept"})


def test_an_answer_is_made_once_and_headers_that_are_added_to_it_are_not_kept() -> None:
    answers, made = KeptAnswers(), []

    def make() -> Response:
        made.append(1)
        return answer("same")

    for _ in range(3):
        given = answers.answer("key", make)
        assert given.body == b"same"
        assert given.headers["vary"] == "Accept"
        given.headers["x-request-id"] = "of one request"
        assert "x-request-id" not in answers.answer("key", make).headers
    assert len(made) == 1


def test_what_was_not_asked_for_for_longest_goes_first() -> None:
    answers, made = KeptAnswers(most_bytes=20), []

    def ask(key: str) -> None:
        answers.answer(key, lambda: made.append(key) or answer("ten bytes!"))  # type: ignore[func-returns-value]

    for key in ("a", "b", "a", "c", "a", "b"):
        ask(key)
    assert made == ["a", "b", "c", "b"]
    answers.answer("long", lambda: answer("x" * 21))
    ask("b")
    assert made[-1] == "b", "an answer larger than the limit leaves nothing"


def test_a_refusal_is_not_kept() -> None:
    answers = KeptAnswers()

    def refuse() -> Response:
        raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one"):
        answers.answer("key", refuse)
    assert answers.answer("key", lambda: answer("now")).body == b"now"


def test_an_ended_studys_answer_is_the_same_again_for_every_target_and_form(
    reviewed: tuple[Served, str],
) -> None:
    served, study_id = reviewed
    path = f"/v1/studies/{study_id}/recommendation"
    asked = ("", "?width=512", "?width=512&format=yaml", "?width=512&format=torch", "?depth=4")
    first, again = ([served.client.get(path + query) for query in asked] for _ in range(2))
    assert [one.content for one in first] == [one.content for one in again]
    assert [one.headers["etag"] for one in first] == [one.headers["etag"] for one in again]
    assert len({one.content for one in first}) == len(asked)
    bundle = served.client.get(path, headers={"accept": "application/vnd.widthwise.files+json"})
    assert bundle.json()["files"]
    assert len({one.headers["x-request-id"] for one in (*first, *again)}) == 2 * len(asked)


def test_an_answer_follows_the_study(served: Served) -> None:
    study_id = served.submit(control="none", search={"trials": 4}, measure={"grid_points": 5})
    path = f"/v1/studies/{study_id}/recommendation"
    served.advance(study_id, until=StudyState.MEASURING)
    running = verdict(served.client.get(path))
    assert verdict(served.client.get(path)) == running == "in_progress"
    curves = f"/v1/studies/{study_id}/sensitivity"
    assert served.client.get(curves).json()["state"] == "measuring"
    served.advance(study_id)
    assert verdict(served.client.get(path)) != "in_progress"
    assert served.client.get(curves).json()["state"] == "completed"


def test_an_ended_studys_curves_are_read_from_the_database_once(
    reviewed: tuple[Served, str],
) -> None:
    served, study_id = reviewed
    path = f"/v1/studies/{study_id}/sensitivity"
    with served.database.write() as session:
        study = get_study(session, study_id)
        evidence = study_evidence(read_snapshot(session, study_id))
        store_evidence(session, study, evidence)
    first = served.client.get(path)
    with served.database.write() as session:
        session.execute(update(StudyEvidenceRow).values(curves="[]"))
    again = served.client.get(path)
    assert again.content == first.content
    assert again.json() == sensitivity_read(study, evidence).model_dump(mode="json")
    with served.database.write() as session:
        store_evidence(session, study, evidence)
    renewed = served.client.get(path)
    assert renewed.json() == first.json(), "of the evidence that is stored now"


def verdict(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["verdict"])
