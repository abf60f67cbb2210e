"""Stored recommendations: kept as they were, decided about once, found by what they are."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable

import pytest
from sqlalchemy import update

from parametrization.recommendation.content_hash import content_sha256
from tests.tuner.builders import Trials, snapshot, spec, study, surface
from tests.tuner.recommendation.answers import recommend
from tests.tuner.stored_studies import events_of
from tuner.records.errors import (
    BadPageToken,
    IdempotencyKeyReused,
    RecommendationDecided,
    RecommendationNotFound,
    RecommendationUnreadable,
)
from tuner.records.snapshot import StudyRecord
from tuner.records.stored_recommendation import StoredRecommendation
from tuner.spec.requested_target import AskedTarget
from tuner.spec.states import RecommendationState
from tuner.storage.events import EventKind
from tuner.storage.recommendations.stored import (
    RecommendationFilter,
    get_document,
    get_recommendation,
    list_recommendations,
)
from tuner.storage.recommendations.storing import approve, reject, store_recommendation
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.tables import RecommendationRow
from tuner.storage.studies import open_study

WIDE = AskedTarget(width=512)
ANYTHING = RecommendationFilter()


def opened(database: Database) -> StudyRecord:
    with database.write() as session:
        return open_study(session, spec())[0]


def kept(
    database: Database, of: StudyRecord, asked: AskedTarget = WIDE, key: str | None = None
) -> tuple[StoredRecommendation, bool]:
    """Store the answer that the analytic trials give of a study."""
    trials = Trials(surface()).search([-6.0, -5.0, -4.5]).measure()
    known = snapshot(trials, statistics=(), record=study(id=of.id))
    answer = recommend(known, **asked.model_dump(exclude={"optimizer"}))
    with database.write() as session:
        return store_recommendation(session, answer, asked, idempotency_key=key)


def found(database: Database, wanted: RecommendationFilter) -> list[str]:
    with database.read() as session:
        page = list_recommendations(session, wanted, page_size=100)
    return [one.id for one in page.recommendations]


def test_what_is_stored_has_the_answer_its_hash_and_its_versions(database: Database) -> None:
    stored, is_new = kept(database, opened(database))
    with database.read() as session:
        document = get_document(session, stored.id)
    assert is_new
    assert stored.id.startswith("rec_")
    assert stored.sha256 == content_sha256(document)
    assert (stored.target.width, stored.asked) == (512, WIDE)
    assert stored.state is RecommendationState.PENDING
    assert stored.rule_version == document["provenance"]["rule_version"]
    assert stored.evidence_sha256 == document["provenance"]["evidence_sha256"]


def test_equal_answers_of_one_study_have_one_hash_and_two_ids(database: Database) -> None:
    of = opened(database)
    first, second = (kept(database, of)[0] for _ in range(2))
    other, _ = kept(database, of, AskedTarget(width=1024))
    assert first.sha256 == second.sha256 != other.sha256
    assert len({first.id, second.id, other.id}) == 3


def test_one_key_stores_one_recommendation(database: Database) -> None:
    of = opened(database)
    first, again = kept(database, of, key="k"), kept(database, of, key="k")
    assert (first[1], again[1]) == (True, False)
    assert first[0] == again[0]
    assert found(database, ANYTHING) == [first[0].id]
    assert len(events_of(database, of, [EventKind.RECOMMENDATION_STORED])) == 1


def test_a_key_of_another_target_study_or_kind_of_request_is_refused(database: Database) -> None:
    of = opened(database)
    kept(database, of, key="k")
    with pytest.raises(IdempotencyKeyReused):
        kept(database, of, AskedTarget(width=1024), key="k")
    with pytest.raises(IdempotencyKeyReused):
        kept(database, opened(database), key="k")
    with database.write() as session, pytest.raises(IdempotencyKeyReused):
        open_study(session, spec(), idempotency_key="k")
    with database.write() as session:
        open_study(session, spec(), idempotency_key="of a study")
    with pytest.raises(IdempotencyKeyReused):
        kept(database, of, key="of a study")


def test_a_decision_is_made_once_and_told_of_once(database: Database) -> None:
    of = opened(database)
    stored, _ = kept(database, of)
    for _ in range(2):
        with database.write() as session:
            decided = approve(session, stored.id, by="Ada", note="the drift is flat")
    assert decided.state is RecommendationState.APPROVED
    assert decided.decision is not None
    assert (decided.decision.by, decided.decision.note) == ("Ada", "the drift is flat")
    (event,) = events_of(database, of, [EventKind.RECOMMENDATION_APPROVED])
    assert event.data["id"] == stored.id
    with database.read() as session:
        assert get_recommendation(session, stored.id) == decided


@pytest.mark.parametrize(
    ("decide", "by", "note"),
    [(reject, "Ada", "yes"), (approve, "Bob", "yes"), (approve, "Ada", "no")],
    ids=["the other way", "by another", "with another note"],
)
def test_a_different_decision_is_refused_with_what_to_do(
    database: Database,
    decide: Callable[..., StoredRecommendation],
    by: str,
    note: str,
) -> None:
    stored, _ = kept(database, opened(database))
    with database.write() as session:
        approve(session, stored.id, by="Ada", note="yes")
    with (
        pytest.raises(RecommendationDecided, match="by Ada") as caught,
        database.write() as session,
    ):
        decide(session, stored.id, by=by, note=note)
    assert f"POST /v1/studies/{stored.study_id}/recommendations" in str(caught.value)
    with database.read() as session:
        decision = get_recommendation(session, stored.id).decision
    assert decision is not None
    assert (decision.by, decision.note) == ("Ada", "yes")


def test_what_is_not_there_is_said_to_be_nowhere(database: Database) -> None:
    with database.read() as session:
        with pytest.raises(RecommendationNotFound):
            get_recommendation(session, "rec_none")
        with pytest.raises(RecommendationNotFound):
            get_document(session, "rec_none")
    with database.write() as session, pytest.raises(RecommendationNotFound):
        approve(session, "rec_none", by="Ada", note="yes")


def test_a_document_that_was_changed_is_not_shown(database: Database) -> None:
    stored, _ = kept(database, opened(database))
    with database.write() as session:
        document = get_document(session, stored.id) | {"verdict": "recommend", "reasons": []}
        session.execute(update(RecommendationRow).values(document=json.dumps(document)))
    with database.read() as session, pytest.raises(RecommendationUnreadable, match=stored.sha256):
        get_document(session, stored.id)


def test_recommendations_are_found_by_what_they_are_newest_first(database: Database) -> None:
    first, second = opened(database), opened(database)
    narrow = kept(database, first, AskedTarget(width=256))[0].id
    wide = kept(database, first)[0].id
    other = kept(database, second)[0].id
    with database.write() as session:
        reject(session, wide, by="Ada", note="no")
    assert found(database, ANYTHING) == [other, wide, narrow]
    assert found(database, RecommendationFilter(width=512)) == [other, wide]
    assert found(database, RecommendationFilter(study_id=first.id)) == [wide, narrow]
    assert found(database, RecommendationFilter(state=RecommendationState.PENDING)) == [
        other,
        narrow,
    ]
    assert found(database, RecommendationFilter(family="gpt", optimizer="adamw", width=256)) == [
        narrow
    ]
    assert found(database, RecommendationFilter(family="mlp")) == []


def test_pages_hold_every_recommendation_once(database: Database) -> None:
    of = opened(database)
    ids = [kept(database, of)[0].id for _ in range(5)]
    seen: list[str] = []
    token: str | None = None
    while True:
        with database.read() as session:
            page = list_recommendations(session, ANYTHING, page_size=2, page_token=token)
        seen += [one.id for one in page.recommendations]
        token = page.next_page_token
        if token is None:
            break
    assert seen == ids[::-1]
    with database.read() as session, pytest.raises(BadPageToken):
        list_recommendations(session, ANYTHING, page_size=2, page_token="nonsense")


def die_while_storing(url: str, study_id: str, *, committed: bool) -> None:
    database = open_database(url)
    trials = Trials(surface()).search([-6.0, -5.0, -4.5]).measure()
    answer = recommend(snapshot(trials, statistics=(), record=study(id=study_id)), width=512)
    with database.write() as session:
        store_recommendation(session, answer, WIDE, idempotency_key="k")
        if not committed:
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
def test_a_process_killed_around_the_commit_stores_all_of_it_or_nothing(
    database: Database, database_url: str, committed: bool
) -> None:
    """The request sent again, with its key, then stores it once."""
    of = opened(database)
    process = multiprocessing.get_context("spawn").Process(
        target=die_while_storing, args=(database_url, of.id), kwargs={"committed": committed}
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    before = found(database, ANYTHING)
    assert len(before) == int(committed)
    assert len(events_of(database, of, [EventKind.RECOMMENDATION_STORED])) == len(before)
    stored, is_new = kept(database, of, key="k")
    assert is_new is not committed
    assert found(database, ANYTHING) == (before or [stored.id])
