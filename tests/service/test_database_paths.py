"""Data directories of any name have a database each, and a lock each."""

import os
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy import URL

from service.settings import Settings
from tests.tuner.stored_studies import spec
from tuner.coordinator.leadership import leadership
from tuner.engine.checkpoints import FileCheckpoints
from tuner.storage.sql.connections import database_url, sqlite_url
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import open_study

NAMES = ["lr?1", "lr?2", "a#b", "50%", "a%20b", "a b", "größe"]


def test_every_directory_has_a_database_of_its_own(tmp_path: Path) -> None:
    for name in NAMES:
        directory = tmp_path / name
        directory.mkdir()
        url = Settings(data_dir=directory).url
        migrate(url)
        database = open_database(url)
        with database.write() as session:
            open_study(session, spec(), idempotency_key="once")
        database.close()
        with leadership(url, lambda: False) as held:
            assert held is not None
        files = {path.name for path in directory.iterdir()}
        assert {"widthwise.db", "widthwise.db-tuner.lock"} <= files
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)


def test_an_address_whose_path_would_be_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="write \\? as %3F"):
        database_url("sqlite:////data/lr?1/widthwise.db")


@given(
    name=st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1)
)
def test_an_address_leads_back_to_its_path(name: str) -> None:
    path = Path("/data", name, "widthwise.db")
    assert database_url(sqlite_url(path)).database == str(path)


@given(name=st.binary(min_size=1).filter(lambda name: not {0, 47} & set(name)))
def test_a_checkpoint_is_found_again_whatever_its_directory_is_called(
    tmp_path_factory: pytest.TempPathFactory, name: bytes
) -> None:
    folder = tmp_path_factory.mktemp("c") / os.fsdecode(name[:100])
    store = FileCheckpoints(folder)
    uri = store.write("std_1/7-1.pt", lambda path: path.touch())
    with store.read(uri) as path:
        assert path.is_file()
    assert store.studies() == {"std_1"}
    store.delete(uri)
    assert not path.exists()


def test_a_directory_that_is_not_utf8_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"is not UTF-8, .*: rename the directory"):
        sqlite_url(Path(os.fsdecode(b"/data/x\xff")))


@pytest.mark.postgres
def test_a_password_and_a_name_of_any_characters_reach_postgres(postgres_server: URL) -> None:
    user, password = "o'neil @home/%41?#", "p@ss w/%rd+:?#&=\\'"
    admin = postgres_server.render_as_string(hide_password=False).replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as connection:
        names = {"user": sql.Identifier(user), "password": sql.Literal(password)}
        create = "create role {user} superuser login password {password}"
        connection.execute(sql.SQL(create).format(**names))
        try:
            url = postgres_server.set(username=user, password=password)
            text = url.render_as_string(hide_password=False)
            with leadership(text, lambda: False) as held:
                assert held is not None
                words = held._connection.info  # type: ignore[attr-defined]
                assert (words.user, words.password) == (user, password)
        finally:
            connection.execute(sql.SQL("drop role {user}").format(user=names["user"]))
