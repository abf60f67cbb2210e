"""An owner's session sees that owner's studies and what belongs to them, whatever it asks."""

import datetime as dt

import pytest
from sqlalchemy import func, select

from tests.tuner.builders import spec
from tuner.records.errors import StudyNotFound
from tuner.storage.heartbeats import beat, workers
from tuner.storage.scheduling.active import ActiveStudies
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import Base, GivenPointRow, OrderRow, StudyEventRow, StudyRow
from tuner.storage.sql.viewers import NARROWED, Viewer
from tuner.storage.studies import cancel_study, get_study, open_study
from tuner.storage.study_list import list_studies

ANA, BEN = Viewer("ana", "key_1"), Viewer("ben")


def opened(database: Database, viewer: Viewer | None, key: str | None = None) -> str:
    with database.seen_by(viewer).write() as session:
        return open_study(session, spec(), idempotency_key=key)[0].id


def seen(database: Database, viewer: Viewer | None) -> set[str]:
    with database.seen_by(viewer).read() as session:
        page = list_studies(session, state=None, page_size=50, page_token=None)
        ids = {study.id for study in page.studies}
        assert session.scalar(select(func.count()).select_from(StudyRow)) == len(ids)
        assert set(session.scalars(select(StudyEventRow.study_id))) == ids
    return ids


def test_a_list_holds_the_viewers_own_studies(database: Database) -> None:
    anas, bens, local = (opened(database, viewer) for viewer in (ANA, BEN, None))
    assert seen(database, ANA) == {anas}
    assert seen(database, BEN) == {bens}
    assert seen(database, Viewer(None)) == set()
    assert seen(database, None) == {anas, bens, local}


def test_a_shared_study_is_seen_beside_the_own_ones(database: Database) -> None:
    anas, bens = opened(database, ANA), opened(database, BEN)
    opened(database, None)
    assert seen(database, Viewer("ben", shared_study_id=anas)) == {anas, bens}
    assert seen(database, Viewer(None, shared_study_id=anas)) == {anas}


def test_another_owners_study_is_not_found(database: Database) -> None:
    anas = opened(database, ANA)
    with database.seen_by(ANA).read() as session:
        study = get_study(session, anas)
        assert study.owner == "ana"
    with database.seen_by(BEN).read() as session, pytest.raises(StudyNotFound):
        get_study(session, anas)
    with database.seen_by(BEN).write() as session, pytest.raises(StudyNotFound):
        cancel_study(session, anas)


def test_a_study_remembers_the_key_that_it_was_made_with(database: Database) -> None:
    anas = opened(database, ANA)
    with database.read() as session:
        assert session.get_one(StudyRow, anas).api_key_id == "key_1"
        (active,) = ActiveStudies().read(session)
    assert active.owner == "ana"


def test_a_slot_does_not_tell_whose_other_order_it_runs(database: Database) -> None:
    anas = opened(database, ANA)
    order = f"{anas}-v1-describe"
    with database.write() as session:
        columns = {"id": order, "study_id": anas, "kind": "describe", "payload": {}, "attempt": 1}
        now = dt.datetime.now(dt.UTC)
        session.add(OrderRow(**columns, state="open", created_at=now))
        beat(session, "cpu-0", "cpu", order, None)
    for viewer, told in ((ANA, order), (BEN, None), (None, order)):
        with database.seen_by(viewer).read() as session:
            assert [one.order_id for one in workers(session)] == [told]


def test_owners_choose_idempotency_keys_independently(database: Database) -> None:
    first = opened(database, ANA, "monday")
    assert opened(database, BEN, "monday") != first
    assert opened(database, None, "monday") != first
    assert opened(database, ANA, "monday") == first


def test_points_that_are_given_to_a_search_are_their_owners_own(database: Database) -> None:
    anas = opened(database, ANA)
    with database.write() as session:
        told = {"optimizer": "adamw", "params": {"learning_rate": 0.01}, "source": "mine"}
        now = dt.datetime.now(dt.UTC)
        session.add(GivenPointRow(study_id=anas, sha256="0" * 64, created_at=now, **told))
    for viewer, count in ((ANA, 1), (BEN, 0), (Viewer(None), 0), (None, 1)):
        with database.seen_by(viewer).read() as session:
            assert len(session.scalars(select(GivenPointRow)).all()) == count


def test_every_table_of_a_study_is_narrowed_or_has_an_owner_of_its_own() -> None:
    """Keys of requests and share links are looked for together with their owner, or a secret."""
    tables = {
        row.class_.__tablename__ for row in Base.registry.mappers if "study_id" in row.columns
    }
    narrowed = {row.__tablename__ for row in NARROWED}
    assert tables - narrowed == {"idempotency_keys", "share_links"}
