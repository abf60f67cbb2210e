"""Losses of target runs as stored: each update once, judged in order, and read back."""

import multiprocessing
import os
import signal

import pytest

from tests.tuner.storage.recommendations.test_storing import kept, opened
from tests.tuner.stored_studies import events_of
from tuner.records.errors import BadPageToken, RunMoved
from tuner.records.target_run import Observation, RunJudgement
from tuner.storage.events import EventKind
from tuner.storage.recommendations.target_run import (
    judgements_of,
    list_observations,
    observations_of,
    store_observations,
)
from tuner.storage.sql.database import Database, open_database


def observed(step: int, loss: float | None = 1.0) -> Observation:
    return Observation(step=step, tokens=100 * step, loss=loss)


def judged(step: int, verdict: str = "on") -> RunJudgement:
    return RunJudgement.model_validate(
        {
            "step": step,
            "verdict": verdict,
            "probability_off": 0.01,
            "rate": None,
            "judged": step,
            "words": "as a test says",
        }
    )


def test_losses_and_judgements_are_read_back_in_their_order(database: Database) -> None:
    of = opened(database)
    name = kept(database, of)[0].id
    with database.write() as session:
        store_observations(session, name, 0, [observed(1), observed(3, None)], judged(3))
    with database.write() as session:
        store_observations(session, name, 3, [observed(2**40)], judged(2**40, "off"))
    with database.read() as session:
        assert observations_of(session, name) == (observed(1), observed(3, None), observed(2**40))
        judgements = judgements_of(session, name)
        page = list_observations(session, name, page_size=1)
        rest = list_observations(session, name, page_size=9, page_token=page.next_page_token)
        with pytest.raises(BadPageToken):
            list_observations(session, name, page_size=1, page_token="nonsense")
    assert [(one.step, one.verdict) for one in judgements] == [(3, "on"), (2**40, "off")]
    assert [one.step for one in (*page.observations, *rest.observations)] == [1, 3, 2**40]


def test_a_verdict_is_told_of_when_it_is_another_one(database: Database) -> None:
    of = opened(database)
    name = kept(database, of)[0].id
    for step, verdict in enumerate(["undecided", "on", "on", "off"], start=1):
        with database.write() as session:
            store_observations(session, name, step - 1, [observed(step)], judged(step, verdict))
    told = events_of(database, of, [EventKind.RECOMMENDATION_OBSERVED])
    assert [event.data["verdict"] for event in told] == ["undecided", "on", "off"]


def test_what_was_judged_without_the_newest_losses_is_not_stored(database: Database) -> None:
    name = kept(database, opened(database))[0].id
    with database.write() as session:
        store_observations(session, name, 0, [observed(1)], judged(1))
    with pytest.raises(RunMoved), database.write() as session:
        store_observations(session, name, 0, [observed(2)], judged(2))
    with database.read() as session:
        assert observations_of(session, name) == (observed(1),)


def die_while_observing(url: str, name: str, *, committed: bool) -> None:
    with open_database(url).write() as session:
        store_observations(session, name, 0, [observed(1), observed(2)], judged(2))
        if not committed:
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
def test_a_process_killed_around_the_commit_stores_losses_and_verdict_or_neither(
    database: Database, database_url: str, committed: bool
) -> None:
    name = kept(database, opened(database))[0].id
    process = multiprocessing.get_context("spawn").Process(
        target=die_while_observing, args=(database_url, name), kwargs={"committed": committed}
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with database.read() as session:
        losses, judgements = observations_of(session, name), judgements_of(session, name)
    assert (len(losses), len(judgements)) == ((2, 1) if committed else (0, 0))
