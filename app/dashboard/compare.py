"""The page of studies side by side: the answer of each, and the differences in their requests."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from app.dashboard.templating import page
from app.dashboard.words import signed
from app.dependencies import Db, Verdicts
from app.routes.comparing.studies import AskedIds, Compared, compare_studies
from app.routes.running.studies import list_studies
from app.standings.words import UNKNOWN, VERDICTS, number
from parametrization.text.rounding import share_of_training, significant
from tuner.recommendation.comparing.answers import AnswerInShort
from tuner.recommendation.comparing.spec_differences import Difference
from tuner.storage.study_list import ANY_STUDY

router = APIRouter()

OFFERED: Final = 50
"""Studies, newest first, that can be chosen on the page itself."""
LARGEST_WIDTH_DIGITS: Final = 8
NOT_THERE: Final = "not there"
_DEPTH: Final = 2
"""Parts of a pointer to a field that a study has as a whole or not at all: `/optimizers/sgd`."""


class Row(NamedTuple):
    """One line of a table, a cell a study."""

    title: str
    cells: tuple[str, ...]


def _rate(answer: AnswerInShort) -> str:
    ends = (answer.learning_rate, answer.low, answer.high)
    value, low, high = (significant(at, answer.digits) for at in ends)
    return f"{value}, 90 % interval {low} to {high}"


def _groups(answer: AnswerInShort) -> str:
    shown = ((one.role, significant(one.learning_rate, answer.digits)) for one in answer.rates)
    return ", ".join(f"{role} {rate}" for role, rate in shown)


_ROWS: Final[Mapping[str, Callable[[AnswerInShort], str]]] = {
    "For": lambda at: at.target.words,
    "Optimizer": lambda at: at.optimizer,
    "Learning rate at the base": _rate,
    "Peak rates of the groups": _groups,
    "Loss predicted": lambda at: number(at.predicted_loss),
    "Drift to the target, octaves": lambda at: (
        UNKNOWN if at.drift_octaves is None else signed(at.drift_octaves)
    ),
    "Cost of tuning": lambda at: share_of_training(at.share_percent),
    "Trials": lambda at: f"{at.trials:,}",
    "Weakest point": lambda at: at.reasons[0].words if at.reasons else "none",
}
"""Say what of every answer is shown."""


@router.get("/compare")
def show_comparison(
    database: Db,
    verdicts: Verdicts,
    ids: Annotated[list[AskedIds] | None, Query(max_length=OFFERED)] = None,
    width: Annotated[str, Query(max_length=LARGEST_WIDTH_DIGITS, pattern=r"^\d*$")] = "",
) -> HTMLResponse:
    """Studies side by side, each for its own target or all for one width; or a choice of them."""
    chosen = list(dict.fromkeys(one for some in ids or () for one in some.split(",")))
    if len(chosen) < 2:
        offered = list_studies(database, verdicts, ANY_STUDY, kind="search", page_size=OFFERED)
        return page("compare_choice.html", studies=offered.studies, chosen=chosen)
    asked = {"ids": ",".join(chosen)} | ({"width": width} if width else {})
    found = compare_studies(database, verdicts, ids=chosen, width=int(width) if width else None)
    studies = found.studies
    return page(
        "compare.html",
        studies=[one.study for one in studies],
        answers=[
            _first_row(studies),
            *(_row(title, studies) for title in _ROWS),
            _changes(studies),
        ],
        differences=_differences(found.differences, [one.study.id for one in studies]),
        width=width,
        ids=asked["ids"],
        json=f"/v1/studies:compare?{urlencode(asked)}",
    )


def _first_row(studies: tuple[Compared, ...]) -> Row:
    return Row(
        "Verdict",
        tuple(
            VERDICTS[one.answer.verdict] if one.answer else f"no answer: {one.problem}"
            for one in studies
        ),
    )


def _row(title: str, studies: tuple[Compared, ...]) -> Row:
    return Row(title, tuple(_ROWS[title](one.answer) if one.answer else "" for one in studies))


def _changes(studies: tuple[Compared, ...]) -> Row:
    return Row(
        "Compared with the first", tuple(one.change.words if one.change else "" for one in studies)
    )


def _differences(found: Sequence[Difference], studies: Sequence[str]) -> list[Row]:
    """A row a field; what only some studies have at all, such as an optimizer, is one row."""
    groups: dict[object, list[Difference]] = {}
    for one in found:
        parent = tuple(one.pointer.split("/")[1:-1][:_DEPTH])
        absent = frozenset(studies).difference(one.values)
        groups.setdefault((parent, absent) if parent and absent else one.pointer, []).append(one)
    return [_difference(group, studies) for group in groups.values()]


def _difference(group: Sequence[Difference], studies: Sequence[str]) -> Row:
    first, *others = group
    if not others:
        return Row(first.pointer, tuple(_value(first.values, one) for one in studies))
    parts = zip(*(one.pointer.split("/") for one in group), strict=False)
    shared = list(takewhile(lambda names: len(set(names)) == 1, parts))
    place = "/".join(names[0] for names in shared)
    return Row(place, tuple(_values(group, place, one) for one in studies))


def _values(group: Sequence[Difference], place: str, study_id: str) -> str:
    if study_id not in group[0].values:
        return NOT_THERE
    named = ((one.pointer.removeprefix(f"{place}/"), one.values) for one in group)
    return ", ".join(f"{name} {_value(values, study_id)}" for name, values in named)


def _value(values: Mapping[str, Any], study_id: str) -> str:
    if study_id not in values:
        return NOT_THERE
    value = values[study_id]
    return value if isinstance(value, str) else json.dumps(value)
