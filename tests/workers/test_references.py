"""References of declarations: to a function, or an error that names them."""

import pytest

from workers.references import imported


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("workers.models.nowhere:build", "nowhere:build cannot be imported: No module named"),
        (
            "parametrization.nn.models.mlp:nothing",
            "mlp:nothing cannot be imported: .* no attribute 'nothing'",
        ),
        (
            "parametrization.nn.models.layers.parts:NORM_EPSILON",
            "NORM_EPSILON is no function: 1e-05",
        ),
    ],
)
def test_a_reference_that_leads_to_no_function_is_named_in_the_error(
    reference: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        imported(reference)


def test_a_reference_leads_to_its_function() -> None:
    assert imported("workers.references:imported") is imported
