"""A migration keeps the rows it finds, and code of the revision before it goes on writing."""

import datetime as dt
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import JSON, Column, Connection, MetaData, Row, Table, create_engine, insert, select
from sqlalchemy.pool import NullPool

from tuner.storage.sql.migration import MIGRATIONS

REVISIONS = [one for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions() if one.down_revision]
ORDER = [one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
"""Newest first."""
MADE_BY_MIGRATIONS = {"alembic_version", "coordinator", "schema_compatibility"}


def upgrade(connection: Connection, revision: str) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    command.upgrade(config, revision)


def tables_of(connection: Connection) -> list[Table]:
    """Those that rows are put into, referred ones first."""
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name not in MADE_BY_MIGRATIONS]


def value(column: Column[Any], number: int) -> Any:  # noqa: ANN401  of the column's type
    """The number as the column stores it: equal ones make references good."""
    if isinstance(column.type, JSON):
        return {"number": number}
    kind = column.type.python_type
    if kind is dt.datetime:
        return dt.datetime(2026, 1, number, tzinfo=dt.UTC)
    return bool(number % 2) if kind is bool else kind(number)


def store(connection: Connection, tables: list[Table], number: int) -> None:
    """Put a row of every column into every table."""
    for table in tables:
        values = {column.name: value(column, number) for column in table.columns}
        connection.execute(insert(table).values(values))


def stored(connection: Connection, table: Table) -> list[Row[Any]]:
    return list(connection.execute(select(table).order_by(*table.primary_key)))


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.revision)
def test_rows_of_the_revision_before_stay_and_its_code_goes_on_writing(
    empty_database_url: str, revision: Script
) -> None:
    before = str(revision.down_revision)
    engine = create_engine(empty_database_url, poolclass=NullPool)
    with engine.begin() as connection:
        upgrade(connection, before)
        tables = tables_of(connection)
        store(connection, tables, 1)
        found = {table.name: stored(connection, table) for table in tables}
        assert all(len(rows) == 1 for rows in found.values())
    with engine.begin() as connection:
        upgrade(connection, revision.revision)
    with engine.begin() as connection:
        assert {table.name: stored(connection, table) for table in tables} == found
        if ORDER.index(before) <= ORDER.index(revision.module.oldest_code):
            store(connection, tables, 2)
            assert all(len(stored(connection, table)) == 2 for table in tables)
    engine.dispose()
