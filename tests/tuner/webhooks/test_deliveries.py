"""Events arrive signed, in order and at least once, at a real receiver."""

import datetime as dt
from collections.abc import Collection, Iterator

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.tuner.builders import spec
from tests.tuner.webhooks.receiver import Receiver
from tuner.coordinator.webhooks import guarded_http
from tuner.coordinator.webhooks.deliveries import deliver, delivering
from tuner.records.webhook_errors import TooManyWebhooks, WebhookNotFound
from tuner.storage.events import EventKind
from tuner.storage.sql.database import Database
from tuner.storage.sql.viewers import Viewer
from tuner.storage.studies import cancel_study, open_study, pause_study
from tuner.storage.webhooks import webhooks
from tuner.storage.webhooks.webhooks import MOST_FAILURES, due_deliveries, wait_after
from widthwise.errors import WidthwiseError
from widthwise.resources.webhooks import verified

INSIDE = ("127.0.0.1",)
STATES = [EventKind.STUDY_STATE]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The receiver answers however long its thread waits for a core."""
    patience = dict.fromkeys(guarded_http._TIMEOUTS, PATIENCE_SECONDS)
    monkeypatch.setattr(guarded_http, "_TIMEOUTS", patience)


def made(database: Database, url: str, key: str | None = None) -> tuple[str, str]:
    with database.write() as session:
        webhook, secret = webhooks.create_webhook(session, url, STATES, key)
    return webhook.id, secret


def changed(database: Database) -> str:
    """A study that was queued, paused and cancelled."""
    with database.write() as session:
        study_id = open_study(session, spec())[0].id
    for change in (pause_study, cancel_study):
        with database.write() as session:
            change(session, study_id)
    return study_id


def deliver_due(
    database: Database, private_hosts: Collection[str], now: dt.datetime | None = None
) -> int:
    """Send everything that is due now, one message a webhook; return the number of messages."""
    with database.read() as session:
        found = due_deliveries(session, now or dt.datetime.now(dt.UTC), ())
    for due in found:
        deliver(database, due, private_hosts)
    return len(found)


def test_events_arrive_signed_and_in_order(database: Database, receiver: Receiver) -> None:
    _, secret = made(database, receiver.url)
    study_id = changed(database)
    while deliver_due(database, INSIDE):
        pass
    messages = [verified(headers, body, secret) for headers, body in receiver.received]
    assert {message["data"]["study_id"] for message in messages} == {study_id}
    assert [message["data"]["to"] for message in messages][-2:] == ["paused", "cancelled"]
    ids = [message["data"]["event_id"] for message in messages]
    assert ids == sorted(set(ids))
    headers, body = receiver.received[0]
    for wrong in (body + b" ", body.replace(b"study", b"other")):
        with pytest.raises(WidthwiseError, match="signature"):
            verified(headers, wrong, secret)
    with pytest.raises(WidthwiseError, match="too far from now"):
        verified(headers, body, secret, tolerance_seconds=-1)


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_is_not_taken_is_sent_again_later(
    database: Database, receiver: Receiver, status: int
) -> None:
    webhook_id, secret = made(database, receiver.url)
    changed(database)
    receiver.statuses = [status]
    before = dt.datetime.now(dt.UTC)
    deliver_due(database, INSIDE, before)
    assert deliver_due(database, INSIDE, before) == 0
    with database.write() as session:
        failed = webhooks.get_webhook(session, webhook_id)
        assert (failed.failures, str(status) in (failed.last_error or "")) == (1, True)
        later = dt.datetime.now(dt.UTC) + wait_after(1)
        assert len(due_deliveries(session, later, ())) == 1
        webhooks.ping_webhook(session, webhook_id)
    deliver_due(database, INSIDE)
    deliver_due(database, INSIDE)
    first, ping, again = [verified(headers, body, secret) for headers, body in receiver.received]
    assert ping["type"] == "ping"
    assert again == first
    assert receiver.received[0][0]["webhook-id"] == receiver.received[2][0]["webhook-id"]


def test_after_too_many_failures_nothing_is_sent_until_it_is_tested(
    database: Database, receiver: Receiver
) -> None:
    webhook_id, _ = made(database, receiver.url)
    changed(database)
    with database.write() as session:
        for _ in range(MOST_FAILURES):
            now = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
            (due,) = due_deliveries(session, now, ())
            webhooks.store_delivery(session, due, "no answer", dt.datetime.now(dt.UTC))
        assert webhooks.get_webhook(session, webhook_id).disabled_at is not None
        assert due_deliveries(session, dt.datetime.now(dt.UTC) + dt.timedelta(days=9), ()) == []
        assert webhooks.ping_webhook(session, webhook_id).disabled_at is None


def test_a_webhook_hears_of_its_owners_studies_and_of_what_it_asked_for(
    database: Database, receiver: Receiver
) -> None:
    ana, ben = (database.seen_by(Viewer(owner)) for owner in ("ana", "ben"))
    webhook_id, _ = made(ana, receiver.url)
    changed(ben)
    assert deliver_due(database, INSIDE) == 0
    changed(ana)
    assert deliver_due(database, INSIDE) == 1
    with ben.read() as session:
        assert webhooks.list_webhooks(session) == ()
        with pytest.raises(WebhookNotFound):
            webhooks.get_webhook(session, webhook_id)


def test_nothing_inside_is_asked_unless_the_operator_says_so(
    database: Database, receiver: Receiver
) -> None:
    webhook_id, _ = made(database, receiver.url)
    changed(database)
    deliver_due(database, ())
    assert receiver.received == []
    with database.read() as session:
        assert "https" in (webhooks.get_webhook(session, webhook_id).last_error or "")


def test_the_same_request_makes_one_webhook_and_twenty_are_enough(database: Database) -> None:
    assert made(database, "https://example.com/", "k") == made(
        database, "https://example.com/", "k"
    )
    for number in range(19):
        made(database, f"https://example.com/{number}")
    with pytest.raises(TooManyWebhooks):
        made(database, "https://example.com/more")


def test_a_coordinator_sends_while_it_leads(database: Database, receiver: Receiver) -> None:
    made(database, receiver.url)
    changed(database)
    with delivering(database, INSIDE):
        assert receiver.has_received.wait(PATIENCE_SECONDS)
