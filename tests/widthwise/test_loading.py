"""Recommendations pinned by id, hash and approval, against a real service."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from widthwise.client import Client
from widthwise.errors import Refused, WidthwiseError
from widthwise.loading import load


@pytest.fixture
def reviewed(finished: tuple[str, str]) -> Iterator[tuple[Client, dict[str, Any]]]:
    """A client, and a recommendation that was stored for one test."""
    address, study_id = finished
    with Client(address) as client:
        yield client, client.store_recommendation(study_id, width=512)


def test_a_stored_recommendation_is_loaded_by_its_id(
    reviewed: tuple[Client, dict[str, Any]],
) -> None:
    client, stored = reviewed
    loaded = load(stored["id"], address=client.address, sha256=stored["sha256"])
    assert loaded.width == 512
    assert loaded.document.study_id == stored["study_id"]


def test_content_of_another_hash_is_refused(reviewed: tuple[Client, dict[str, Any]]) -> None:
    client, stored = reviewed
    with pytest.raises(WidthwiseError, match=stored["sha256"]):
        load(stored["id"], address=client.address, sha256="0" * 64)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_the_file_of_any_form_has_the_hash_of_what_is_stored(
    reviewed: tuple[Client, dict[str, Any]], tmp_path: Path, form: str
) -> None:
    client, stored = reviewed
    path = tmp_path / f"recommendation.{form}"
    (text,) = client.stored_export(stored["id"], form)["files"].values()
    path.write_text(text)
    assert load(path, sha256=stored["sha256"]).width == 512
    changed = yaml.safe_load(path.read_text())
    changed["groups"][0]["learning_rate"] *= 2
    path.write_text(json.dumps(changed))
    with pytest.raises(WidthwiseError, match="is not the recommendation that was pinned"):
        load(path, sha256=stored["sha256"])


def test_what_the_service_gives_is_checked_in_a_file_too(
    reviewed: tuple[Client, dict[str, Any]], tmp_path: Path
) -> None:
    client, stored = reviewed
    document = client.stored_recommendation(stored["id"])
    path = tmp_path / "stored.json"
    path.write_text(json.dumps(document))
    assert load(path).width == 512
    document["recommendation"]["groups"][0]["learning_rate"] *= 2
    path.write_text(json.dumps(document))
    with pytest.raises(WidthwiseError, match="is not the recommendation that was pinned"):
        load(path)


def test_approval_can_be_required(reviewed: tuple[Client, dict[str, Any]], tmp_path: Path) -> None:
    client, stored = reviewed
    name = stored["id"]
    with pytest.raises(WidthwiseError, match=f"widthwise approve {name}"):
        load(name, address=client.address, require_approved=True)
    client.approve(name, by="Ada", note="the drift is flat")
    assert load(name, address=client.address, require_approved=True).width == 512
    path = tmp_path / "stored.json"
    path.write_text(json.dumps(client.stored_recommendation(name)))
    assert load(path, require_approved=True).width == 512


def test_what_was_rejected_is_refused_with_the_reviewers_words(
    reviewed: tuple[Client, dict[str, Any]],
) -> None:
    client, stored = reviewed
    client.reject(stored["id"], by="Ada", note="too far beyond")
    with pytest.raises(WidthwiseError, match=r"rejected by Ada \(too far beyond\)"):
        load(stored["id"], address=client.address, require_approved=True)
    with pytest.raises(Refused, match="A decision stands"):
        client.approve(stored["id"], by="Ada", note="after all")


def test_a_studys_own_answer_and_a_bare_file_have_no_approval(
    finished: tuple[str, str], tmp_path: Path
) -> None:
    address, study_id = finished
    with pytest.raises(WidthwiseError, match="--store"):
        load(study_id, address=address, require_approved=True)
    with Client(address) as client:
        path = tmp_path / "bare.json"
        path.write_text(client.recommendation_text(study_id, "json"))
    with pytest.raises(WidthwiseError, match="--store"):
        load(path, require_approved=True)


def test_a_stored_recommendation_is_for_one_target(
    reviewed: tuple[Client, dict[str, Any]],
) -> None:
    client, stored = reviewed
    with pytest.raises(WidthwiseError, match="one target: width"):
        load(stored["id"], address=client.address, width=1024)


def test_a_request_sent_twice_under_one_key_stores_once(finished: tuple[str, str]) -> None:
    address, study_id = finished
    key = str(uuid.uuid4())
    with Client(address) as client:
        first, again = (
            client.store_recommendation(study_id, width=256, idempotency_key=key) for _ in range(2)
        )
        assert first == again
        listed = [one["id"] for one in client.recommendations(study=study_id, width=256)]
    assert listed.count(first["id"]) == 1


def test_a_run_reports_its_losses_and_hears_whether_it_is_on_the_curve(
    reviewed: tuple[Client, dict[str, Any]],
) -> None:
    client, stored = reviewed
    before = client.observations(stored["id"])
    assert before["observations"] == []
    first = before["predicted"][0]
    said = client.observe(stored["id"], [{"step": first["step"], "loss": first["loss"]}])
    assert (said["stored"], said["verdict"]) == (1, "undecided")
    diverged = client.observe(stored["id"], [{"step": first["step"] + 1, "loss": None}])
    assert diverged["verdict"] == "off"
    after = client.observations(stored["id"])
    assert [one["loss"] for one in after["observations"]] == [first["loss"], None]
    assert [one["verdict"] for one in after["judgements"]] == ["undecided", "off"]
