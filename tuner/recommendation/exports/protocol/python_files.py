"""Write Python files with their headings, and read their tables without running them."""

import ast
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from string import Template
from typing import Any, Final

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import ScheduleValues
from parametrization.scaling.schedule import Schedule
from tuner.recommendation.exports.protocol.export import Factor, Inexpressible
from tuner.recommendation.exports.protocol.plain_forward import lost_in_the_loop

PYTHON: Final = "text/x-python; charset=utf-8"
_FACTOR: Final = Template('''\
SCHEDULE = $fields


def factor(step, steps=SCHEDULE["steps"]):
    """On every peak rate; schedulers with absolute floors would break the groups' ratios."""
    step = min(step, steps - 1)
$body
''')


def heading_of(document: RecommendationDocument, lost: Iterable[Inexpressible] = ()) -> list[str]:
    """Paragraphs on the origin of the numbers, the reasons against them, and those left out."""
    return [
        f"{document.headline}.",
        f"Widthwise: {document.optimizer} under {document.parametrization} at width"
        f" {document.width}, {document.width_multiplier:g}x the base width"
        f" {document.base_width}; study {document.study_id},"
        f" {document.provenance.rule_version}.",
        *(f"- {reason.severity}: {reason.words}" for reason in document.reasons),
        "Peak learning rates of all tensors are below. They follow by the rules from"
        f" {document.learning_rate.words}.",
        *(
            f"NOT SAID HERE: {one.what}: {one.consequence}."
            for one in (*lost, *lost_in_the_loop(document))
        ),
    ]


def comment(paragraphs: Iterable[str], mark: str = "#") -> str:
    """Paragraphs as a comment; wrapping also turns a line break in a stored text into a space."""
    return "\n".join(
        line
        for paragraph in paragraphs
        for line in textwrap.wrap(
            paragraph, width=96, initial_indent=f"{mark} ", subsequent_indent=f"{mark}   "
        )
    )


def factor_source(schedule: ScheduleValues) -> str:
    """A function `factor(step, steps)` of the schedule; it needs `math`."""
    form = schedule.form
    fields = {"steps": schedule.steps, **asdict(form)}
    body = textwrap.indent(form.python_source, " " * 4)
    return _FACTOR.substitute(fields=repr(fields), body=body)


def literals(text: str) -> dict[str, Any]:
    """Every module-level name of a Python file that is set to a plain value; nothing runs."""
    found: dict[str, Any] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def factor_in(text: str) -> Factor:
    """The schedule of a file that `factor_source` wrote.

    Raises:
        ValueError: if the file has none.

    """
    given = literals(text).get("SCHEDULE")
    if not isinstance(given, dict):
        raise ValueError("the file sets no SCHEDULE")
    fields = dict(given)
    steps = int(fields.pop("steps"))
    form = Schedule(**fields)
    return lambda step: form.factor(min(step, steps - 1), steps)
