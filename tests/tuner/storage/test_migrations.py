"""Migrations: both databases end at the models' schema, and mismatches are refused."""

import multiprocessing
import re
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

import tuner.storage.sql.access_tables
import tuner.storage.sql.target_run_tables
import tuner.storage.webhooks.tables  # noqa: F401  likewise
from tuner.records.errors import DatabaseMismatch
from tuner.storage.sql.database import SCHEMA_REVISION, Database, open_database, require_current
from tuner.storage.sql.migration import MIGRATIONS, migrate
from tuner.storage.sql.tables import Base

REVISIONS = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())


def test_the_code_names_the_newest_revision() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == SCHEMA_REVISION


def test_a_migrated_database_has_the_schema_of_the_models(database: Database) -> None:
    with database.readers.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_comparison_would_see_a_missing_column(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE workers DROP COLUMN problem"))
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) != []


def test_every_revision_can_be_undone_and_done_again(empty_database_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    migrate(empty_database_url)
    engine = create_engine(empty_database_url, poolclass=NullPool)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    migrate(empty_database_url)
    database = open_database(empty_database_url)
    require_current(database)
    database.close()


def test_orders_stored_before_ids_were_longer_are_kept(empty_database_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(empty_database_url, poolclass=NullPool)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "20261122_packings")
        connection.execute(
            text(
                "INSERT INTO studies (id, state, spec, priority, created_at, updated_at, version)"
                " VALUES ('std_1', 'queued', '{}', 0, '2026-11-22', '2026-11-22', 1)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO orders (id, study_id, kind, payload, attempt, losses, state,"
                " created_at) VALUES ('ord_1', 'std_1', 'train', '{}', 1, 0, 'open', '2026-11-22')"
            )
        )
    migrate(empty_database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id, study_id FROM orders")).all() == [
            ("ord_1", "std_1")
        ]
        assert connection.scalar(text("SELECT epoch FROM coordinator")) == 0
        (reference,) = inspect(connection).get_foreign_keys("orders")
        assert reference["referred_table"] == "studies"
        assert [index["column_names"] for index in inspect(connection).get_indexes("orders")] == [
            ["study_id", "state"]
        ]
    engine.dispose()


def test_migrating_twice_changes_nothing(database: Database, database_url: str) -> None:
    migrate(database_url)
    require_current(database)


def migrate_when_all_are_ready(url: str, all_ready: Barrier) -> None:
    all_ready.wait()
    migrate(url)


def test_processes_that_migrate_at_once_all_succeed(empty_database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    all_ready = context.Barrier(2)
    processes = [
        context.Process(target=migrate_when_all_are_ready, args=(empty_database_url, all_ready))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    database = open_database(empty_database_url)
    require_current(database)
    database.close()


def test_a_database_without_tables_is_refused_with_the_command_to_run(
    empty_database_url: str,
) -> None:
    database = open_database(empty_database_url)
    with pytest.raises(DatabaseMismatch, match=r"at revision none.*python -m service\.migrate"):
        require_current(database)
    database.close()


def _become_newer(database: Database, oldest_code: str) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '20991231_future'"))
        session.execute(
            text(
                "UPDATE schema_compatibility SET revision = '20991231_future', oldest_code = :old"
            ),
            {"old": oldest_code},
        )


def test_a_newer_database_that_needs_newer_code_is_refused(
    database: Database, database_url: str
) -> None:
    _become_newer(database, "20991231_future")
    with pytest.raises(DatabaseMismatch, match="install a newer release"):
        require_current(database)
    with pytest.raises(DatabaseMismatch, match="install a newer release"):
        migrate(database_url)


def test_a_newer_database_that_this_code_can_serve_is_served_and_left_alone(
    database: Database, database_url: str
) -> None:
    _become_newer(database, REVISIONS[0].revision)
    require_current(database)
    migrate(database_url)
    with database.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == "20991231_future"


def test_every_revision_is_named_date_and_slug_and_states_the_oldest_code() -> None:
    known = {revision.revision for revision in REVISIONS}
    for revision in REVISIONS:
        assert re.fullmatch(r"20\d{6}_[a-z0-9_]+", revision.revision)
        assert len(revision.revision) <= 32, "alembic_version has room for 32 characters"
        assert Path(revision.path).stem == revision.revision
        assert revision.module.oldest_code in known


def test_no_revision_imports_application_code() -> None:
    packages = "app|parametrization|service|tuner|widthwise|workers"
    for revision in REVISIONS:
        source = Path(revision.path).read_text()
        assert not re.search(rf"^\s*(import|from) ({packages})\b", source, re.MULTILINE)
