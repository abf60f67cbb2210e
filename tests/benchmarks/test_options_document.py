"""docs/options.md shows what was measured, and what was measured is every option."""

import json
from typing import Any

import pytest

from benchmarks.checks.family_options import (
    OPTIONS,
    Check,
    Option,
    is_as_expected,
    model_spec,
    widths,
)
from benchmarks.documents.options import DOCUMENT, RESULT, rendered, with_tables
from parametrization.rules.parametrization import Parametrization

MEASURED = json.loads(RESULT.read_text())


def test_the_document_is_current() -> None:
    """If this fails: run `python -m benchmarks.documents.options`."""
    document = DOCUMENT.read_text()
    assert with_tables(document, MEASURED) == document


def test_every_option_is_measured_under_both_parametrizations_and_as_it_should_be() -> None:
    """If this fails: store what `python -m benchmarks.checks.family_options --json` prints."""
    columns = ("family", "options", "widths", "parametrization")
    measured = [tuple(row[column] for column in columns) for row in MEASURED["rows"]]
    assert measured == [
        (option.family, option.options, list(widths(option)), rule)
        for option in OPTIONS
        for rule in ("mup", "sp")
    ]
    assert [row for row in MEASURED["rows"] if not is_as_expected(row)] == []


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_every_measured_option_is_one_that_a_study_takes(option: Option) -> None:
    spec = model_spec(Check(option, Parametrization.MUP))
    assert spec.family.model_dump().items() >= option.options.items()


def test_a_row_that_fails_or_is_in_doubt_is_only_expected_of_fixed_heads() -> None:
    row: dict[str, Any] = {"parametrization": "mup", "options": {}, "passed": None}
    assert not is_as_expected(row)
    assert is_as_expected(row | {"options": {"fixed_kv_heads": 1}})
    assert not is_as_expected(row | {"options": {"fixed_kv_heads": 1}, "passed": False})
    assert not is_as_expected(row | {"parametrization": "sp", "passed": True})


def test_a_row_reads_as_its_slopes() -> None:
    (row,) = (r for r in MEASURED["rows"] if r["options"] == {"tied": True} and r["passed"])
    line = next(line for line in rendered(MEASURED).splitlines() if "`tied: true`" in line)
    assert line.startswith("| `tied: true` | passes | ")
    assert f" {row['slopes']['output']:+.2f} |" in line


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="is missing from the document"):
        with_tables("# Options\n", MEASURED)
