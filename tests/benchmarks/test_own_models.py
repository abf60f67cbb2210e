"""Twenty models that people have classify, with the numbers of `mup`."""

import pytest

from benchmarks.checks.own_models import tried
from benchmarks.checks.tried.models import MODELS


@pytest.mark.parametrize("name", MODELS)
def test_a_model_classifies_with_mups_numbers_and_as_found_unless_it_divides_itself(
    name: str,
) -> None:
    row = tried(name, MODELS[name], checks=False)
    assert row["classifies_as_found"] is (name != "nanoGPT-mup")
    assert row["classifies"]
    assert row["mup_equal"] == row["mup_compared"] > 0
    assert "mup_enabled=False" in row["refusal"] or row["classifies_as_found"]
