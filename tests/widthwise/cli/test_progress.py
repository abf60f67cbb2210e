"""Progress in words and bars."""

import io
from typing import Any

from rich.console import Console

from widthwise.cli.progress import progress_line, progress_view


def phase(name: str, planned: int, **counts: int) -> dict[str, Any]:
    none = {"waiting": 0, "running": 0, "complete": 0, "pruned": 0, "fail": 0, "cancelled": 0}
    ended = sum(counts.get(state, 0) for state in ("complete", "pruned", "fail"))
    return {"phase": name, "planned": planned, "fraction": ended / planned, **none, **counts}


def study(**changes: object) -> dict[str, Any]:
    """A study in the middle of its search."""
    return {
        "id": "std_1",
        "state": "searching",
        "problem": None,
        "spec": {"name": "my GPT"},
        "progress": {
            "phases": [
                phase("check", 4, complete=4),
                phase("search", 16, complete=3, pruned=2, running=2),
                phase("measure", 56),
            ],
            "best_loss": 2.51239,
            "compared_by": "train loss",
            "eta_seconds": 130.0,
        },
    } | changes


def drawn(document: dict[str, Any], *, age_seconds: float = 0.0, interruption: str = "") -> str:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as capture:
        console.print(progress_view(document, age_seconds=age_seconds, interruption=interruption))
    return capture.get()


def test_a_line_says_state_counts_loss_and_time_left() -> None:
    assert progress_line(study()) == (
        "searching, checking 4/4, searching 5/16, best train loss 2.512, about 2 min 10 s left"
    )


def test_a_problem_that_holds_the_study_up_is_shown() -> None:
    stuck = study(problem="no coordinator runs: start `widthwise up`")
    assert progress_line(stuck).endswith("no coordinator runs: start `widthwise up`")
    assert "no coordinator runs" in drawn(stuck)


def test_every_phase_has_a_bar_and_its_count() -> None:
    text = drawn(study())
    for words in ("checking", "4/4", "searching", "5/16", "measuring", "0/56", "2 stopped early"):
        assert words in text


def test_the_time_left_counts_down_between_answers_and_never_below_nothing() -> None:
    assert "about 1 min 10 s left" in drawn(study(), age_seconds=60)
    assert "about 0 s left" in drawn(study(), age_seconds=1000)


def test_a_study_that_is_over_has_no_time_left() -> None:
    assert "left" not in progress_line(study(state="cancelled"))


def test_a_service_that_does_not_answer_is_shown_beside_what_is_known() -> None:
    text = drawn(study(), interruption="connection refused")
    assert "trying again: connection refused" in text
    assert "5/16" in text


def test_cancelled_trials_are_not_counted_as_done() -> None:
    document = study(state="cancelled")
    document["progress"]["phases"][1] = phase("search", 16, complete=3, cancelled=13)
    assert "searching 3/16" in progress_line(document)
    assert "13 cancelled" in drawn(document)
