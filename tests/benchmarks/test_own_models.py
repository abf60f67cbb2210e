"""Twenty models that people have classify, with the numbers of `mup`; the page shows them."""

import json

import pytest

from benchmarks.checks.own_models import tried
from benchmarks.checks.tried.models import MODELS
from benchmarks.documents.own_models import DOCUMENT, RESULT, with_table


@pytest.mark.parametrize("name", MODELS)
def test_a_model_classifies_with_mups_numbers_and_as_found_unless_it_divides_itself(
    name: str,
) -> None:
    row = tried(name, MODELS[name], checks=False)
    assert row["classifies_as_found"] is (name != "nanoGPT-mup")
    assert row["classifies"]
    assert row["mup_equal"] == row["mup_compared"] > 0
    assert (
        "config.mup_width_multiplier is 1 in the base model" in row["refusal"]
        or row["classifies_as_found"]
    )


def test_the_page_is_current() -> None:
    """If this fails: run `python -m benchmarks.documents.own_models`."""
    document = DOCUMENT.read_text()
    assert with_table(document, json.loads(RESULT.read_text())) == document


def test_every_model_was_tried() -> None:
    """If this fails: store what `python -m benchmarks.checks.own_models` prints."""
    assert [row["model"] for row in json.loads(RESULT.read_text())["rows"]] == list(MODELS)
