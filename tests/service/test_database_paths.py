"""Data directories of any name have a database each, and a lock each."""

from pathlib import Path

import pytest

from service.settings import Settings
from tests.tuner.stored_studies import spec
from tuner.coordinator.leadership import leadership
from tuner.storage.sql.connections import database_url
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
