"""The three ways as tables for readers: `python -m benchmarks.documents.own_ways`.

Replaces what stands between the two markers of docs/own-tasks.md by what benchmarks/results holds.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from parametrization.text.markdown import between, table

ROOT: Final = Path(__file__).resolve().parents[2]
RESULT: Final = ROOT / "benchmarks" / "results" / "own_ways.json"
DOCUMENT: Final = ROOT / "docs" / "own-tasks.md"
BEGIN: Final = "<!-- tables: begin, written by benchmarks.documents.own_ways -->"
END: Final = "<!-- tables: end -->"
_SUMMARY: Final = ("way", "actions", "minutes", "of which processors worked", "trials", "answer")
_ACTIONS: Final = ("way", "action", "minutes")
_PHASES: Final = {
    "checking": "coordinate check",
    "searching": "search",
    "measuring": "transfer measured",
}

Measured = Mapping[str, Any]
"""The parsed document that `benchmarks.own_ways` prints, or a part of it."""


def rendered(measured: Measured) -> str:
    """A line a way, then a line an action, in Markdown."""
    ways = list(enumerate(measured["ways"], start=1))
    goal = measured["goal"]
    missed = [number for number, way in ways if not way["meets_goal"]]
    met = f"missed by {', '.join(map(str, missed))}" if missed else "met by all three"
    said = (
        f"`{measured['command']}` on {measured['device']}, which other work shared (load average"
        f" {measured['load_average_before']:g} before). The goal of {goal['minutes']:g} minutes and"
        f" {goal['actions']} actions is {met}."
    )
    summary = table(_SUMMARY, [_summary(number, way) for number, way in ways])
    actions = table(_ACTIONS, [row for number, way in ways for row in _actions(number, way)])
    return f"{said}\n\n{summary}\n{actions}"


def with_tables(document: str, measured: Measured) -> str:
    """The document with its tables replaced by the measured ones.

    Raises:
        ValueError: if a marker is missing.

    """
    return between(document, BEGIN, END, rendered(measured))


def _summary(number: int, way: Measured) -> list[str]:
    return [
        f"{number}. {way['words']}",
        str(len(way["actions"])),
        f"{way['minutes']:.1f}",
        f"{way['cpu_minutes']:.1f}",
        str(way["trials"]),
        way["verdict"],
    ]


def _actions(number: int, way: Measured) -> Iterator[list[str]]:
    for action in way["actions"]:
        if action["kind"] == "edit":
            lines = sum(1 for line in action["typed"].splitlines() if line.strip())
            yield [str(number), f"{action['words']}, {lines} lines", "your own"]
            continue
        yield [str(number), f"{action['words']}: `{action['typed']}`", _minutes(action["seconds"])]
        yield from _phases(action)


def _phases(action: Measured) -> Iterator[list[str]]:
    entered = [*action["entered"].items()]
    for (state, begun), (_, ended) in pairwise(entered):
        yield ["", f"of that, {_PHASES[state]}", _minutes(ended - begun)]


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"


def main() -> None:
    """Write the page anew."""
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), json.loads(RESULT.read_text())))


if __name__ == "__main__":
    main()
