"""The loss that is expected at a width that nobody trained."""

import pytest

from parametrization.recommendation.evidence import WidthOptimum
from parametrization.transfer.target_loss import predicted_loss
from tests.parametrization.transfer.optima import inconclusive, optima


def falling(*losses: float) -> list[WidthOptimum]:
    """Widths from 32 on, a factor 2 apart, with these losses at their optima."""
    return [
        at
        for doubling, loss in enumerate(losses)
        for at in optima([-5.0], (32 * 2**doubling,), loss=loss)
    ]


def test_gains_level_off_so_that_the_loss_lies_between_the_last_one_and_the_lines() -> None:
    found = predicted_loss(falling(4.0, 3.0, 2.5), 512)

    assert found is not None
    assert 2.5 * (2.5 / 3) ** 2 < found.value < 2.5
    assert found.low < found.value
    assert found.value < found.high


def test_the_interval_widens_with_distance() -> None:
    near, far = (predicted_loss(falling(4.0, 3.0, 2.5), width) for width in (256, 4096))

    assert near is not None
    assert far is not None
    assert far.value < near.value
    assert far.high / far.low > near.high / near.low


def test_a_measured_width_has_its_own_loss() -> None:
    found = predicted_loss(falling(4.0, 3.0, 2.5), 64)

    assert found is not None
    assert found.value == pytest.approx(3.0)
    assert found.low < 3.0 < found.high


def test_one_width_or_a_narrower_one_tells_nothing() -> None:
    assert predicted_loss([*falling(4.0), inconclusive(64)], 512) is None
    assert predicted_loss(falling(4.0, 3.0), 16) is None
    assert predicted_loss(falling(4.0, 3.0), 48) is None
    assert predicted_loss([], 64) is None


@pytest.mark.parametrize(
    ("losses", "target"),
    [
        # Lowest losses of real sweeps over widths, and at four times the last one.
        ((2.959, 2.852, 2.716), 2.604),  # a GPT by AdamW
        ((0.121, 0.090, 0.078), 0.072),  # an MLP by AdamW
        ((0.421, 0.259, 0.216), 0.168),  # an MLP by Muon
        ((0.176, 0.122, 0.096), 0.084),  # an MLP by SGD
        ((1.746, 1.145, 0.687), 0.327),  # a ViT by AdamW
    ],
)
def test_real_losses_lie_in_the_interval(losses: tuple[float, ...], target: float) -> None:
    found = predicted_loss(falling(*losses), 512)

    assert found is not None
    assert found.low <= target <= found.high


def test_the_recommended_rate_is_expected_to_cost_its_regret_more() -> None:
    found = predicted_loss(falling(4.0, 3.0, 2.5), 512, 2.0)

    assert found is not None
    assert found.at_recommended_rate == pytest.approx(1.02 * found.value)
    assert "at the recommended one" in found.words
