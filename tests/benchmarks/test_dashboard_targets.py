"""The dashboard's benchmark says which of its targets a run misses."""

from typing import Any

import pytest

from benchmarks.dashboard.targets import missed

WELL = {
    "page": "studies",
    "theme": "dark",
    "kilobytes": 60.0,
    "first_paint_ms": 300.0,
    "violations": 0,
    "console_errors": 0,
    "off_host_requests": 0,
}
QUICK = {"draw_ms": 900.0, "hover_p95_ms": 33.0}


def test_a_run_that_meets_every_target_misses_none() -> None:
    study = WELL | {"page": "study-transfer", "kilobytes": 1_600.0, "first_paint_ms": 2_000.0}
    assert missed([WELL, study], QUICK) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kilobytes": 60.1}, "studies, dark: 60.1 KB, more than 60"),
        ({"first_paint_ms": 301.0}, "studies, dark: first paint after 301.0 ms, more than 300"),
        ({"first_paint_ms": None}, "studies, dark: first paint after None ms, more than 300"),
        ({"page": "study-check", "kilobytes": 1_601.0}, "study-check, dark: 1601.0 KB"),
        ({"page": "cost", "violations": 2}, "cost, dark: 2 violations"),
        ({"console_errors": 1}, "studies, dark: 1 console_errors"),
        ({"off_host_requests": 1}, "studies, dark: 1 off_host_requests"),
    ],
)
def test_a_target_that_is_missed_is_named(changed: dict[str, Any], words: str) -> None:
    (said,) = missed([WELL | changed], QUICK)
    assert said.startswith(words)


def test_a_hover_that_takes_two_frames_is_missed() -> None:
    assert missed([], QUICK | {"hover_p95_ms": 33.5}) == [
        "curves: a hover takes 33.5 ms, more than 33"
    ]
