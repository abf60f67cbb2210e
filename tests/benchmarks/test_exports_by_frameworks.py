"""Frameworks' own code reads the exports, and the table of docs/exports.md is what it found."""

import json

import pytest

from benchmarks.documents.exports import DOCUMENT, RESULT, with_table
from benchmarks.exports.examples import examples
from benchmarks.exports.round_trips import APART, FORMULA, HERE, by_own_code, python_with
from tuner.recommendation.exports.protocol.registry import EXPORTS
from tuner.recommendation.exports.protocol.ten_steps import TOLERANCE, round_trip

MEASURED = json.loads(RESULT.read_text())["rows"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*HERE, *APART])
def test_the_frameworks_own_code_reads_what_the_formula_does(name: str) -> None:
    python = python_with(name)
    if python is None:
        pytest.skip("not installed: make test-exports installs the frameworks")
    export, document = EXPORTS[name], examples()[name]

    back = list(by_own_code(export, document, python))

    formula = {
        (one.number, one.tensor, one.recommended): one for one in round_trip(export, document)
    }
    assert {one.number for one in back} == {"learning_rate", "weight_decay", "epsilon", "schedule"}
    for one in back:
        expected = formula[one.number, one.tensor, one.recommended].read
        assert one.read == pytest.approx(expected, rel=TOLERANCE, abs=1e-15)


def test_the_table_is_current() -> None:
    """If this fails: run `python -m benchmarks.documents.exports`."""
    document = DOCUMENT.read_text()
    assert with_table(document, {"rows": MEASURED}) == document


def test_every_form_was_read_by_formula_and_where_it_can_be_by_its_own_code() -> None:
    """If this fails: store what `python -m benchmarks.exports` prints."""
    read = {(row["format"], row["reader"]) for row in MEASURED}
    own = {(name, reader) for name, reader in (HERE | APART).items()}
    assert read == {(name, FORMULA) for name in examples()} | own
    for row in MEASURED:
        export, document = EXPORTS[row["format"]], examples()[row["format"]]
        assert row["inexpressible"] == [one.what for one in export.inexpressible(document)]
