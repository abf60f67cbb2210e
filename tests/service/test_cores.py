"""Slots are as many as the cores that a process may use, its control groups' quotas included."""

import os
from pathlib import Path

import pytest

from service.cores import available_cores

BOUND = len(os.sched_getaffinity(0))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "cgroup"


def test_without_a_quota_there_are_the_cores_that_the_process_is_bound_to(
    tmp_path: Path, own: Path
) -> None:
    assert available_cores(tmp_path, own) == BOUND
    own.write_text("0::/a/b\n")
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/cpu.max").write_text("max 100000\n")
    assert available_cores(tmp_path, own) == BOUND


@pytest.mark.parametrize("group", ["", "a", "a/b"])
def test_a_quota_of_the_process_own_group_or_of_one_above_counts(
    tmp_path: Path, own: Path, group: str
) -> None:
    own.write_text("0::/a/b\n")
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / group / "cpu.max").write_text("50000 100000\n")
    assert available_cores(tmp_path, own) == 1


def test_part_of_a_core_counts_as_a_whole_one(tmp_path: Path, own: Path) -> None:
    own.write_text("0::/\n")
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert available_cores(tmp_path, own) == min(2, BOUND)


def test_the_first_version_of_control_groups_is_read_where_the_host_path_is_not_to_be_seen(
    tmp_path: Path, own: Path
) -> None:
    own.write_text("4:memory:/host/path\n3:cpu,cpuacct:/host/path\n0::/\n")
    folder = tmp_path / "cpu,cpuacct"
    folder.mkdir()
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    assert available_cores(tmp_path, own) == BOUND
    (folder / "cpu.cfs_quota_us").write_text("100000\n")
    assert available_cores(tmp_path, own) == 1
