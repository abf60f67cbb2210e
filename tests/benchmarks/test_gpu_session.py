"""A session on a GPU, rehearsed without one: sections end by themselves, and goals are judged."""

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks.gpu.goals import goals, words
from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def session() -> ModuleType:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("gpu_session", ROOT / "scripts/gpu_session.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_section_is_a_program_that_the_readme_explains(session: ModuleType) -> None:
    readme = (ROOT / "scripts/gpu_session.md").read_text()
    for name in session.SECTIONS:
        assert (ROOT / f"benchmarks/gpu/{name}.py").is_file()
        assert f"| `{name}` |" in readme


@pytest.mark.slow
def test_a_rehearsal_measures_something_in_every_section_and_sums_up(
    session: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sections = ("ceilings", "throughput", "slots")
    only = [word for name in sections for word in ("--only", name)]
    seconds = f"{PATIENCE_SECONDS:.0f}"
    status = session.main(["--seconds", seconds, "--out", str(tmp_path), "--rehearse", *only])
    assert status == 0
    for name in sections:
        rows = json.loads((tmp_path / f"{name}.json").read_text())
        assert rows
        assert not any("error" in row for row in rows), rows
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert all(words.startswith("finished") for words in summary["sections"].values())
    assert summary["lines"][-1] in capsys.readouterr().out


@pytest.mark.slow
def test_a_section_that_runs_late_is_ended_and_costs_the_next_nothing(
    session: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "START_SECONDS", 0.0)
    assert session.run_section("agreement", tmp_path, 0.1, rehearse=True).startswith("ended at")
    assert session.rows_of(tmp_path / "agreement.json") == []
    said = session.run_section("no_such_section", tmp_path, PATIENCE_SECONDS, rehearse=True)
    assert said.startswith("failed with exit status 1")


def rate(workload: str, way: str, trials: int, value: float) -> Mapping[str, Any]:
    return {
        "workload": workload,
        "way": way,
        "trials": trials,
        "trial_steps_a_second": value,
        "peak_bytes": 7 * 10**9,
    }


def marks(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, bool | None]:
    return {goal.claim: goal.met for goal in goals(rows)}


def test_what_was_not_measured_is_said_to_be_neither_met_nor_missed() -> None:
    assert set(marks({}).values()) == {None}
    assert all("not measured" in line for line in words(goals({})))


def test_a_goal_is_met_by_the_fastest_cohort_over_the_eager_process() -> None:
    mlp, long = "mlp-w128-b128", "gpt-w256-l8-t1024-b8"
    rows = [
        rate(mlp, "eager", 1, 10.0),
        rate(mlp, "compiled_graph", 1, 900.0),
        rate(mlp, "graph", 256, 900.0),
        rate(mlp, "update_compiled", 256, 1_200.0),
        rate(long, "eager", 1, 10.0),
        rate(long, "graph", 8, 9.0),
    ]
    found = marks({"throughput": rows})
    assert found[f"{mlp} K=256: at least 100x"] is True
    assert found[f"{mlp} K=256, compiled: at least 1.5x"] is False
    assert found[f"{long} K=8: at most 8 GB"] is True
    (never_below,) = [claim for claim in found if "no slower" in claim]
    assert found[never_below] is False


@pytest.mark.parametrize(("distance", "met"), [(1e-6, True), (0.12, False), (float("nan"), False)])
def test_losses_that_stray_from_trials_alone_miss_a_goal(distance: float, met: bool) -> None:
    rows = [{"what": "family mlp", "distance": 1e-7}, {"what": "restored", "distance": distance}]
    (found,) = [goal for goal in goals({"breakages": rows}) if "trials alone within" in goal.claim]
    assert found.met is met
    assert "restored" in found.measured


def test_an_error_in_any_row_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"what": "optimizer adamw"}, {"what": "optimizer soap", "error": "RuntimeError: no"}]
    first = goals({"breakages": rows})[0]
    assert first.met is False
    assert first.measured == "1 of 2; broken: optimizer soap"
