"""Keys on the service's own machine, and a service that others could reach without any."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.access import keys
from service.opened import is_loopback, require_keys
from tests.patience import PATIENCE_SECONDS
from tuner.storage.sql.connections import sqlite_url
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate


def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> str:
    monkeypatch.setattr(sys, "argv", ["keys", *arguments])
    keys.main()
    return capsys.readouterr().out


def test_a_key_is_made_before_the_service_first_runs_and_lives_till_it_is_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = f"--data-dir={tmp_path / 'data'}"
    assert "no key is needed" in run(capsys, monkeypatch, "list", here)
    key = json.loads(run(capsys, monkeypatch, "create", "--owner", "ana", "--json", here))
    assert key["scopes"] == ["admin"]
    again = json.loads(run(capsys, monkeypatch, "rotate", key["id"], "--json", here))
    assert again["secret"] != key["secret"]
    listed = run(capsys, monkeypatch, "list", here)
    assert again["prefix"] in listed
    assert again["secret"] not in listed
    run(capsys, monkeypatch, "revoke", key["id"], here)
    assert "revoked" in run(capsys, monkeypatch, "list", here)
    with pytest.raises(SystemExit, match="revoked or has expired"):
        run(capsys, monkeypatch, "rotate", key["id"], here)
    with pytest.raises(SystemExit, match="cannot be an owner"):
        run(capsys, monkeypatch, "create", "--owner=../x", here)


def test_who_serves_others_needs_a_key_or_says_that_something_is_in_front(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sqlite_url(tmp_path / "widthwise.db")
    migrate(url)
    database = open_database(url)
    for host in ("127.0.0.1", "::1", "localhost"):
        require_keys(database, host, keyless=False)
    for host in ("0.0.0.0", "::", "192.0.2.1", "service.example"):
        assert not is_loopback(host)
        with pytest.raises(ValueError, match="widthwise keys create"):
            require_keys(database, host, keyless=False)
    require_keys(database, "0.0.0.0", keyless=True)
    run(capsys, monkeypatch, "create", f"--data-dir={tmp_path}")
    require_keys(database, "0.0.0.0", keyless=False)
    database.close()


@pytest.mark.parametrize("module", ["service.up", "service.api"])
def test_a_service_that_others_reach_does_not_start_without_keys(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(sqlite_url(tmp_path / "widthwise.db"))
    monkeypatch.setenv("WIDTHWISE_HOST", "0.0.0.0")
    monkeypatch.setenv("WIDTHWISE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("WIDTHWISE_PORT", "0")
    ended = subprocess.run(
        [sys.executable, "-m", module],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 1
    assert "widthwise keys create" in ended.stderr
