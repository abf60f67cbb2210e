"""Whoever waits is told for what, when its turn is, and how that is known."""

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.app.served import Served
from tests.tuner.decisions.test_allocation import order, slots_of, study
from tuner.decisions.allocation import Use, allocate
from tuner.decisions.queue import Place, SlotsNow, places
from tuner.storage.heartbeats import beat
from tuner.storage.scheduling.queue import read_queue
from tuner.storage.sql.tables import StudyRow, WorkerRow
from tuner.storage.sql.viewers import Viewer


def place_of(found: tuple[Place, ...], study_id: str) -> Place:
    return next(one for one in found if one.study_id == study_id)


asked = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 2)), max_size=7)


@given(asked, st.sets(st.integers(0, 6)))
def test_slots_are_given_in_the_order_of_the_positions(
    asked: list[tuple[int, int, int]], begun: set[int]
) -> None:
    studies = [study(n, priority, age) for n, (priority, age, _) in enumerate(asked)]
    running = {f"std_{n}": held for n, (_, _, held) in enumerate(asked)}
    known = {f"std_{n}" for n in begun}
    found = places(studies, running, known, SlotsNow(well=1, free=0))
    waiting = [one.study_id for one in found if one.position is not None]
    assert [place_of(found, id_).position for id_ in waiting] == list(range(1, len(waiting) + 1))
    use = Use(running=running, served=dict.fromkeys(known, 0.0))
    wanted = {id_: [order(id_, 0)] for id_ in waiting}
    chosen = allocate(wanted, slots_of([False] * len(waiting)), studies, use)
    assert [one.study_id for one in chosen] == waiting


def test_the_reason_says_what_is_waited_for() -> None:
    studies = [study(n, 0, n) for n in range(3)]
    busy = places(studies, {"std_0": 2}, [], SlotsNow(well=2, free=0), order_seconds=10.0)
    assert busy[0].pending_reason is None
    assert busy[0].position is None
    assert busy[1].pending_reason == "All 2 slots are taken; it is next."
    assert busy[2].pending_reason == "All 2 slots are taken; one study is before it."
    assert [one.eta_seconds for one in busy] == [None, 5.0, 10.0]
    ill = places(studies, {}, [], SlotsNow(well=0, free=0, problems=("cpu-0: no such device",)))
    assert "cpu-0: no such device" in str(ill[0].pending_reason)
    owned = [one._replace(owner="ann") for one in studies]
    held = places(owned, {"std_0": 2}, [], SlotsNow(well=4, free=2), most_per_share=2)
    assert "WIDTHWISE_SLOTS_PER_OWNER" in str(held[1].pending_reason)


def test_a_study_and_the_queue_tell_the_same(served: Served) -> None:
    first, second = served.submit(), served.submit(priority=3)
    with served.database.write() as session:
        beat(session, "tuner", "coordinator", None, None)
        beat(session, "cpu-0", "cpu", None, None)
    queue: dict[str, Any] = served.client.get("/v1/queue").json()
    assert queue["problem"] is None
    assert [one["study_id"] for one in queue["places"]] == [second, first]
    assert [one["position"] for one in queue["places"]] == [1, 2]
    words = "A slot is free: its next trials are about to start."
    assert queue["places"][0]["pending_reason"] == words
    told: dict[str, Any] = served.client.get(f"/v1/studies/{first}").json()
    assert told["queue_position"] == 2
    assert told["pending_reason"] == "The one slot is taken; one study is before it."


def test_without_a_coordinator_that_is_what_is_waited_for(served: Served) -> None:
    told: dict[str, Any] = served.client.get(f"/v1/studies/{served.submit()}").json()
    assert told["pending_reason"] == told["problem"]
    assert "widthwise up" in told["pending_reason"]


def test_slots_that_were_last_heard_of_long_ago_are_none(served: Served) -> None:
    study_id = served.submit()
    with served.database.write() as session:
        beat(session, "tuner", "coordinator", None, None)
        beat(session, "cpu-0", "cpu", None, None)
        row = session.get_one(WorkerRow, "cpu-0")
        row.heartbeat_at -= dt.timedelta(days=1)
    told: dict[str, Any] = served.client.get(f"/v1/studies/{study_id}").json()
    assert told["pending_reason"] == "No slot has reported yet."


def test_others_studies_count_and_are_not_shown(served: Served) -> None:
    served.submit(priority=3)
    own = served.submit()
    with served.database.write() as session:
        session.get_one(StudyRow, own).owner = "ann"
    now = dt.datetime.now(dt.UTC)
    with served.database.seen_by(Viewer(owner="ann")).read() as session:
        (place,) = read_queue(session, now)
    assert (place.study_id, place.position) == (own, 2)
