"""The client against a real service."""

import socket
import uuid

import pytest

from tests.widthwise.conftest import SPEC
from tests.widthwise.running import RunningService
from tests.widthwise.unreliable import relay_that_loses
from widthwise.client import ATTEMPTS, Client
from widthwise.errors import Refused, Unreachable, WidthwiseError


def named(client: Client, name: str) -> list[str]:
    return [study["id"] for study in client.studies() if study["name"] == name]


def test_a_submitted_study_is_stored_with_its_defaults(client: Client) -> None:
    study = client.submit(SPEC)
    assert study["state"] == "queued"
    stored = client.study(study["id"])["spec"]
    assert stored["name"] == SPEC["name"]
    assert stored["measure"]["seeds"] == 2


def test_the_same_key_submits_the_same_study_once(client: Client) -> None:
    key = str(uuid.uuid4())
    first, second = (client.submit(SPEC, idempotency_key=key) for _ in range(2))
    assert first["id"] == second["id"]
    assert client.submit(SPEC)["id"] != first["id"]


@pytest.mark.parametrize("lost", range(1, ATTEMPTS))
def test_a_submission_whose_answer_is_lost_queues_one_study(
    service: RunningService, client: Client, lost: int
) -> None:
    name = str(uuid.uuid4())
    with relay_that_loses(lost, service.address) as address, Client(address) as unlucky:
        study = unlucky.submit(SPEC | {"name": name})
    assert named(client, name) == [study["id"]]


def test_a_connection_that_stays_broken_is_an_error_that_names_the_address(
    service: RunningService,
) -> None:
    with (
        relay_that_loses(ATTEMPTS, service.address) as address,
        Client(address) as unlucky,
        pytest.raises(Unreachable, match=address),
    ):
        unlucky.submit(SPEC)


def test_where_nothing_listens_the_error_says_how_to_start_a_service() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with Client(address) as client, pytest.raises(Unreachable) as caught:
        client.study("std_x")
    assert address in str(caught.value)
    assert "widthwise up" in str(caught.value)
    assert "WIDTHWISE_ADDRESS" in str(caught.value)


@pytest.mark.parametrize("address", ["http://[", "ftp://127.0.0.1", "http://127.0.0.1:99999"])
def test_what_is_no_address_is_an_error_that_shows_it(address: str) -> None:
    with pytest.raises(WidthwiseError) as caught, Client(address) as client:
        client.study("std_x")
    assert address in str(caught.value)


def test_a_refusal_lists_every_bad_field_by_its_pointer(client: Client) -> None:
    bad = SPEC | {"proxy_width": 40, "training": {"steps": -1}, "colour": "red"}
    with pytest.raises(Refused) as caught:
        client.submit(bad)
    assert 400 <= caught.value.status < 500
    lines = str(caught.value).splitlines()
    for pointer in ("/training/steps", "/colour"):
        assert any(line.startswith(f"  {pointer}: ") for line in lines), lines


def test_an_unknown_study_is_refused_in_words(client: Client) -> None:
    with pytest.raises(Refused, match="std_nobody") as caught:
        client.study("std_nobody")
    assert caught.value.status == 404


def test_a_page_that_is_no_widthwise_service_is_said_to_be_none(service: RunningService) -> None:
    with (
        Client(f"{service.address}/studies") as lost,
        pytest.raises(WidthwiseError),
    ):
        lost.study("std_x")


def test_listing_walks_every_page(client: Client) -> None:
    name = str(uuid.uuid4())
    ids = [client.submit(SPEC | {"name": name})["id"] for _ in range(103)]
    assert named(client, name) == ids[::-1]


def test_pausing_resuming_and_cancelling_say_the_new_state(client: Client) -> None:
    study_id = client.submit(SPEC)["id"]
    assert client.pause(study_id)["state"] == "paused"
    assert client.resume(study_id)["state"] == "queued"
    assert client.cancel(study_id)["state"] == "cancelled"
    with pytest.raises(Refused, match="cancelled"):
        client.resume(study_id)


def test_evidence_of_a_completed_study_can_be_read(finished: tuple[str, str]) -> None:
    address, study_id = finished
    with Client(address) as client:
        assert client.study(study_id)["state"] == "completed"
        assert client.trials(study_id)["trials"]
        assert client.curves(study_id)["curves"]
        widths = {curve["width"] for curve in client.sensitivity(study_id)["curves"]}
        assert widths == {32, 64, 128, 256}
        assert client.coordinate_check(study_id)["checks"][0]["status"] == "passed"


def test_events_are_told_once_each_over_two_connections(finished: tuple[str, str]) -> None:
    address, study_id = finished
    with Client(address) as client:
        with client.events(study_id) as events:
            first = [next(events) for _ in range(3)]
        with client.events(study_id, after=first[-1].id) as events:
            fourth = next(events)
        with client.events(study_id) as events:
            whole = [next(events) for _ in range(4)]
    assert whole == [*first, fourth]
    assert [int(event.id) for event in whole] == sorted({int(event.id) for event in whole})


def test_a_preview_queues_nothing(client: Client) -> None:
    name = str(uuid.uuid4())
    found = client.preview(SPEC | {"name": name})
    assert found["trials"] == sum(of["trials"] for of in found["planned"])
    assert named(client, name) == []


def test_a_refusal_is_told_once() -> None:
    """Of several bad fields, a line each; a problem's detail sums them up for who reads JSON."""
    one = {"pointer": "/width", "detail": "must be greater than 0"}
    problem = {"title": "Invalid request", "detail": "One field is not as needed: /width: ...."}
    assert str(Refused(422, problem | {"errors": [one]})) == (
        "Invalid request: /width: must be greater than 0"
    )
    two = one | {"pointer": "/depth"}
    assert str(Refused(422, problem | {"errors": [one, two]})).splitlines() == [
        "Invalid request:",
        "  /width: must be greater than 0",
        "  /depth: must be greater than 0",
    ]
    assert str(Refused(409, {"title": "Not ready", "detail": "Later."})) == "Not ready: Later."
    assert str(Refused(502, {})) == "the service answered with status 502"
