"""The service as it runs sends its events to those who asked for them."""

from pathlib import Path
from typing import Any

from tests.service.running import RunningService, wait_for
from tests.tuner.webhooks.receiver import Receiver
from widthwise.resources.webhooks import verified

SPEC: dict[str, Any] = {"family": {"name": "mlp"}, "target": {"width": 512}}


def test_what_happens_to_a_study_arrives_signed_with_the_secret_that_was_shown(
    tmp_path: Path,
) -> None:
    receiver = Receiver()
    service = RunningService(tmp_path / "data", slots=1, WIDTHWISE_WEBHOOK_HOSTS="127.0.0.1")
    try:
        asked = {"url": receiver.url, "events": ["study.state"]}
        made = service.http.post("/v1/webhooks", json=asked).json()
        study_id = service.submit(SPEC)
        assert service.http.post(f"/v1/studies/{study_id}:cancel").is_success
        told = wait_for("the last event", lambda: last_told(receiver, made["secret"]))
        assert (told["type"], told["data"]["study_id"]) == ("study.state", study_id)
        (shown,) = service.get("/v1/webhooks")["webhooks"]
        assert (shown["failures"], shown["last_error"]) == (0, None)
    finally:
        service.stop()
        receiver.close()


def last_told(receiver: Receiver, secret: str) -> dict[str, Any] | None:
    """The message that the study was cancelled, once it is here; every message is checked."""
    messages = [verified(headers, body, secret) for headers, body in list(receiver.received)]
    return next((one for one in messages if one["data"].get("to") == "cancelled"), None)
