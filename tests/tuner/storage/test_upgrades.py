"""Documents and a database of every older format, read, served and continued by this release."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from app.settings import AppSettings
from parametrization.recommendation.record import Record
from tests.app.served import Served, serving
from tests.tuner.storage.corpus import (
    DOCUMENTS,
    FUSED,
    KINDS,
    Stored,
    fingerprints,
    fingerprints_path,
    stored_documents,
)
from tuner.engine.orders import ProbeOrder, TrainOrder
from tuner.records.errors import DocumentUnreadable
from tuner.spec.states import OrderState, StudyState, TrialState
from tuner.spec.study import StudySpec
from tuner.storage.commits import reopen_orders
from tuner.storage.documents import FORMAT, ORDER, PACKINGS, SHAPE, SPEC, DocumentKind
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.sql.tables import OrderRow, StudyRow
from tuner.storage.studies import get_study, read_snapshot

CORPUS = stored_documents()
NEWEST = [stored for stored in CORPUS if stored.format == stored.kind.format]
COMPLETED, SEARCHING, QUEUED = (f"std_{number:016x}" for number in (1, 2, 3))
FREE_KEYS = frozenset({"labels", "numbers", "hyperparameters", "seeds"})
"""Fields whose own fields users choose: none of them is unknown."""

each_document = pytest.mark.parametrize("stored", CORPUS, ids=lambda stored: stored.id)
each_newest_document = pytest.mark.parametrize("stored", NEWEST, ids=lambda stored: stored.id)
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def upgraded(stored: Stored) -> dict[str, Any]:
    document = stored.document
    for upgrade in stored.kind.upgraders[stored.format - 1 :]:
        document = upgrade(document)
    return document


def lost(before: object, after: object, at: str = "") -> Iterator[str]:
    """Places whose value is another one afterwards, save defaults that are filled in."""
    if before is None or before == []:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() - {FORMAT}:
            yield from lost(before[key], after.get(key), f"{at}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from lost(*pair, f"{at}/{number}")
    elif before != after:
        yield at


def with_unknown_fields(document: object) -> object:
    """The document of a newer release that added a field to every record."""
    if isinstance(document, list):
        return [with_unknown_fields(entry) for entry in document]
    if not isinstance(document, dict):
        return document
    return {
        key: value if key in FREE_KEYS else with_unknown_fields(value)
        for key, value in document.items()
    } | {"of_a_newer_release": {"a": [1]}}


def test_the_corpus_has_documents_of_every_kind_and_format() -> None:
    there = {(stored.path.parent.parent.name, stored.format) for stored in CORPUS}
    assert there == {(n, f) for n, kind in KINDS.items() for f in range(1, kind.format + 1)}


@each_document
def test_a_stored_document_is_read_and_none_of_its_values_is_lost(stored: Stored) -> None:
    record = stored.kind.read(stored.document)
    assert list(lost(upgraded(stored), stored.kind.write(record))) == []


@each_document
def test_a_document_is_written_in_the_newest_format_and_reads_the_same(stored: Stored) -> None:
    record = stored.kind.read(stored.document)
    written = stored.kind.write(record)
    assert written[FORMAT] == stored.kind.format
    assert stored.kind.read(json.loads(json.dumps(written))) == record


@each_newest_document
def test_fields_of_a_newer_release_are_ignored(stored: Stored) -> None:
    document = stored.document
    if stored.kind is PACKINGS:  # its own fields are names of shapes
        newer: object = {key: with_unknown_fields(value) for key, value in document.items()}
    else:
        newer = with_unknown_fields(document)
    assert stored.kind.read(newer) == stored.kind.read(document)


def test_a_submission_with_an_unknown_field_is_still_refused() -> None:
    asked = {"family": {"name": "mlp"}, "target": {"width": 256}}
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        StudySpec.model_validate(asked | {FORMAT: 2})


@each_kind
def test_a_document_of_a_newer_format_is_not_guessed_at(kind: DocumentKind[Any]) -> None:
    words = rf"a newer release wrote it in format {kind.format + 1}, and this one .*: upgrade"
    with pytest.raises(DocumentUnreadable, match=words):
        kind.read({FORMAT: kind.format + 1})


@each_kind
@pytest.mark.parametrize("stored", ["{", None, 3, [], {FORMAT: 0}, {FORMAT: "2"}, {FORMAT: True}])
def test_what_no_release_wrote_is_unreadable(kind: DocumentKind[Any], stored: object) -> None:
    with pytest.raises(DocumentUnreadable, match="restore it from a backup"):
        kind.read(stored)


@pytest.mark.parametrize("name", ["train_resumed_alone", "train_resumed_together"])
def test_checkpoints_of_format_1_have_paths_and_are_read_as_uris(name: str) -> None:
    document = json.loads((DOCUMENTS / "order" / "format_1" / f"{name}.json").read_text())
    order = ORDER.read(document)
    assert isinstance(order, TrainOrder)
    starts = [trial.start for trial in order.trials]
    paths = [trial["start"]["path"] for trial in document["trials"]]
    assert [start.uri for start in starts if start] == [f"file://{path}" for path in paths]


@pytest.mark.parametrize(("steps", "given"), [(200, False), (201, True)])
def test_a_duration_of_format_1_that_equals_the_proxies_was_not_given(
    steps: int, given: bool
) -> None:
    asked = {"family": {"name": "mlp"}, "target": {"width": 256, "steps": steps}}
    stored = SPEC.write(StudySpec.model_validate(asked | {"training": {"steps": 200}}))
    del stored[FORMAT], stored["target"]["tokens_given"]
    assert SPEC.read(stored).target.tokens_given is given


def test_a_specification_older_than_packing_goes_on_one_trial_after_another() -> None:
    path = DOCUMENTS / "spec" / "format_1" / "gpt_of_november_21.json"
    document = json.loads(path.read_text())
    assert "packing" not in document
    assert SPEC.read(document).packing == "solo"


@pytest.mark.parametrize("measure", [None, {}, {"seeds": 2, "grid_points": 7}])
def test_a_specification_older_than_plans_keeps_its_grid_and_believes_its_search(
    measure: dict[str, Any] | None,
) -> None:
    path = DOCUMENTS / "spec" / "format_1" / "gpt_of_november_21.json"
    document = json.loads(path.read_text()) | {"measure": measure} | {"control": "none"}
    if measure is None:
        del document["measure"]
    assert SPEC.read(document).measure.plan == "grid"
    assert not SPEC.read(document).search.confirm


def test_a_probe_of_format_1_is_one_on_a_cpu() -> None:
    order = ORDER.read(json.loads((DOCUMENTS / "order" / "format_1" / "probe.json").read_text()))
    assert isinstance(order, ProbeOrder)
    assert order.device_kind == "cpu"


def test_a_packing_whose_key_lacks_the_device_is_of_the_device_that_it_names() -> None:
    stored = FUSED.model_copy(update={"device": "cuda"})
    assert PACKINGS.read({"adamw/32": stored.model_dump()}) == {"adamw/32/cuda": stored}


def test_a_packing_whose_key_names_the_device_is_newer_than_one_whose_key_does_not() -> None:
    newer = FUSED.model_copy(update={"most": 8})
    stored = {"adamw/32/cpu": newer.model_dump(), "adamw/32": FUSED.model_dump()}
    assert PACKINGS.read(stored) == {"adamw/32/cpu": newer}


def test_a_tensor_of_format_2_looked_up_and_stacked_what_its_axes_said() -> None:
    path = DOCUMENTS / "shape" / "format_2" / "gpt.json"
    document = json.loads(path.read_text())
    like = document["tensors"][0] | {"infinite": [False, True, True], "fan_in_axis": 2}
    experts = like | {"base_shape": [4, 64, 16], "fan_out_axis": 1}
    read = SHAPE.read(document | {"tensors": [*document["tensors"], experts]})
    assert {t.name for t in read.tensors if t.is_table} >= {"token.weight", "position.weight"}
    assert not any(t.is_table for t in read.tensors if t.fan_in_axis == 1)
    assert [t.stacked_axes for t in read.tensors[-2:]] == [(), (0,)]


@pytest.mark.parametrize("name", KINDS)
def test_a_record_does_not_change_without_a_new_format(name: str) -> None:
    """docs/contributing.md says what to do where this fails."""
    path = fingerprints_path(name, KINDS[name].format)
    stored, now = json.loads(path.read_text()), fingerprints(KINDS[name])
    changed = [record or name for record in stored if stored[record] != now.get(record)]
    assert changed == [], (
        f"records stored in {name} documents changed: raise its format by an upgrader in"
        " tuner/storage/documents.py, then run `python -m tests.tuner.storage.corpus`"
    )


class _Before(Record):
    name: str = ""


class _After(Record):
    name: str = Field(default="", max_length=9)
    """A narrower limit."""


class _Reworded(Record):
    name: str = "other"
    """Other words and another default."""


def test_a_fingerprint_sees_limits_and_neither_words_nor_defaults() -> None:
    before, after, reworded = (
        fingerprints(DocumentKind("record", TypeAdapter[Any](record), ()))[""]
        for record in (_Before, _After, _Reworded)
    )
    assert before == reworded != after


# A whole database, as commit 9ca6b55 left it: one study completed, one at work, one queued.


@pytest.fixture
def upgraded_service(tmp_path: Path) -> Iterator[Served]:
    path = tmp_path / "widthwise.db"
    connection = sqlite3.connect(path)
    connection.executescript((DOCUMENTS / "database" / "format_1.sql").read_text())
    connection.close()
    url = f"sqlite:///{path}"
    migrate(url)
    database = open_database(url)
    with serving(database, AppSettings()) as running:
        yield running
    database.close()


def test_studies_of_an_older_release_are_listed_and_shown(upgraded_service: Served) -> None:
    client = upgraded_service.client
    listed = client.get("/v1/studies").json()
    assert [(one["id"], one["state"]) for one in listed["studies"]] == [
        (QUEUED, "queued"),
        (SEARCHING, "searching"),
        (COMPLETED, "completed"),
    ]
    assert listed["unreadable"] == []
    for study_id in (COMPLETED, SEARCHING, QUEUED):
        for path in (f"/v1/studies/{study_id}", f"/studies/{study_id}"):
            assert client.get(path).status_code == 200, path


def test_a_completed_study_of_an_older_release_is_answered_from_its_stored_trials(
    upgraded_service: Served,
) -> None:
    answer = upgraded_service.client.get(f"/v1/studies/{COMPLETED}/recommendation")
    assert answer.status_code == 200
    # The fit of the release that stored it said 0.015706.
    assert answer.json()["learning_rate"]["value"] == pytest.approx(0.01565469702605803, rel=1e-12)


def test_an_order_of_an_older_release_goes_on_and_is_stored_in_the_newest_format(
    upgraded_service: Served,
) -> None:
    with upgraded_service.database.write() as session:
        (order,) = read_snapshot(session, SEARCHING).open_orders
        reopen_orders(session)
    with upgraded_service.database.read() as session:
        row = session.get_one(OrderRow, order.order.id)
        assert (row.state, row.attempt) == (OrderState.OPEN, 2)
        assert row.payload[FORMAT] == ORDER.format
        assert ORDER.read(row.payload).attempt == 2


def test_unfinished_studies_of_an_older_release_are_continued_to_their_end(
    upgraded_service: Served,
) -> None:
    database = upgraded_service.database
    with database.read() as session:
        before = read_snapshot(session, SEARCHING).trials
    for study_id in (SEARCHING, QUEUED):
        upgraded_service.advance(study_id)
        with database.read() as session:
            assert get_study(session, study_id).state is StudyState.COMPLETED
    with database.read() as session:
        after = read_snapshot(session, SEARCHING).trials
        packings = session.get_one(StudyRow, SEARCHING).packings
    assert [trial for trial in before if trial.state is TrialState.COMPLETE] == [
        after[trial.number] for trial in before if trial.state is TrialState.COMPLETE
    ]
    assert packings is not None
    assert packings[FORMAT] == PACKINGS.format
    assert "adamw/32/cpu" in packings
