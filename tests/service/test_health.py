"""A container's health is that of its process."""

import os
import subprocess
import sys
from pathlib import Path

from service.health import WITHIN_SECONDS, alive_until, problem_of_file


def test_a_coordinator_that_turns_is_well_and_one_that_stopped_turning_is_not(
    tmp_path: Path,
) -> None:
    file = tmp_path / "alive"
    assert "cannot be read" in (problem_of_file(file, 0.0) or "")
    answers = iter([False, True])
    should_stop = alive_until(lambda: next(answers), file)
    assert not should_stop()
    turned = file.stat().st_mtime
    assert problem_of_file(file, turned + WITHIN_SECONDS) is None
    assert "last turned 61 s ago" in (problem_of_file(file, turned + WITHIN_SECONDS + 1) or "")
    assert should_stop()


def test_a_full_disk_does_not_stop_a_coordinator(tmp_path: Path) -> None:
    assert not alive_until(lambda: False, tmp_path / "nowhere" / "alive")()


def test_the_command_ends_with_one_and_the_problem(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    file.touch()
    command = [sys.executable, "-m", "service.health", f"--alive={file}"]
    assert subprocess.run(command, check=False).returncode == 0
    os.utime(file, (0, 0))
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "last turned" in ended.stderr
    nobody = [*command[:-1], "--url=http://127.0.0.1:1/healthz"]
    assert subprocess.run(nobody, capture_output=True, check=False).returncode == 1
