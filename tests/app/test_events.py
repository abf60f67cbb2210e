"""The event stream misses nothing, repeats nothing, and ends with the server."""

import json
import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import httpx
import pytest

from app.settings import AppSettings
from tests.app.served import Served, serving
from tests.patience import PATIENCE_SECONDS
from tuner.spec.states import StudyState
from tuner.storage.events import events_after
from tuner.storage.sql.database import Database


class Event(NamedTuple):
    id: int
    kind: str
    data: dict[str, Any]


def read_events(response: httpx.Response) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = value
        elif not line and "id" in fields:
            yield Event(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


def take(served: Served, study_id: str, count: int, **headers: str) -> list[Event]:
    """The first events of a new stream."""
    with served.client.stream("GET", f"/v1/studies/{study_id}/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        return [event for event, _ in zip(read_events(response), range(count), strict=False)]


def stored(served: Served, study_id: str) -> list[int]:
    with served.database.read() as session:
        return [event.id for event in events_after(session, study_id, 0, 10_000)]


def test_a_stream_begins_with_everything_that_is_stored(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    ids = stored(served, study_id)
    assert len(ids) > 100
    with served.client.stream("GET", f"/v1/studies/{study_id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = list(islice(read_events(response), len(ids)))
    assert [event.id for event in events] == ids
    assert (events[0].kind, events[0].data["to"]) == ("study.state", "queued")
    assert (events[-1].kind, events[-1].data["to"]) == ("study.state", "completed")


def test_reconnecting_with_the_last_event_id_misses_and_repeats_nothing(served: Served) -> None:
    """Reads seven events at a time while a coordinator writes more."""
    study_id = served.submit()
    coordinator = threading.Thread(target=served.advance, args=(study_id, StudyState.MEASURING))
    coordinator.start()
    seen: list[Event] = []
    while not seen or seen[-1].data.get("to") != "measuring":
        headers = {"last-event-id": str(seen[-1].id)} if seen else {}
        with served.client.stream(
            "GET", f"/v1/studies/{study_id}/events?after=0", headers=headers
        ) as response:
            for event in islice(read_events(response), 7):
                seen.append(event)
                if event.data.get("to") == "measuring":
                    break
    coordinator.join()
    assert [event.id for event in seen] == stored(served, study_id)[: len(seen)]


def test_many_streams_are_told_of_what_happens_after_they_opened(served: Served) -> None:
    study_id, other = served.submit(), served.submit()
    after = str(stored(served, other)[-1])
    told: list[list[Event]] = []
    opened = threading.Barrier(9)

    def listen() -> None:
        with httpx.Client(
            base_url=served.address, trust_env=False, timeout=PATIENCE_SECONDS
        ) as client:
            path = f"/v1/studies/{study_id}/events?after={after}"
            with client.stream("GET", path) as response:
                opened.wait(PATIENCE_SECONDS)
                told.append([next(read_events(response))])

    listeners = [threading.Thread(target=listen) for _ in range(8)]
    for listener in listeners:
        listener.start()
    opened.wait(PATIENCE_SECONDS)
    served.client.post(f"/v1/studies/{other}:pause")
    served.client.post(f"/v1/studies/{study_id}:pause")
    for listener in listeners:
        listener.join(PATIENCE_SECONDS)
    assert len(told) == 8
    assert {event.data["to"] for events in told for event in events} == {"paused"}
    assert {event.id for events in told for event in events} == {stored(served, study_id)[-1]}


def test_open_streams_do_not_hold_up_the_servers_end(
    database: Database, settings: AppSettings
) -> None:
    with serving(database, settings) as served:
        study_id = served.submit()
        with served.client.stream("GET", f"/v1/studies/{study_id}/events") as response:
            events = read_events(response)
            assert next(events).kind == "study.state"
            served.server.should_exit = True
            assert list(events) == []  # ended, not cut off: httpx would raise


def test_a_stream_of_an_unknown_study_is_a_problem_before_it_begins(client: httpx.Client) -> None:
    response = client.get("/v1/studies/std_nobody/events")
    assert response.status_code == 404


@pytest.mark.parametrize("value", ["-1", "latest", str(2**63)])
def test_a_last_event_id_that_is_none_is_refused(served: Served, value: str) -> None:
    path = f"/v1/studies/{served.submit()}/events"
    response = served.client.get(path, headers={"last-event-id": value})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/last-event-id"
