"""What a sweep of one's own says of a wider model."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parametrization.sweeps.analysis import Analysis, analyse
from tests.widthwise.sweeps.tables import steady, sweep_rows, write_csv
from widthwise.sweeps.table import read_table

DENSE = tuple(float(rate) for rate in np.arange(-8.0, -1.0, 0.42).round(4))
Surface = Callable[[int, float], float | None]


def analysed(
    folder: Path, surface: Surface, target: int, rates: tuple[float, ...] = DENSE
) -> Analysis:
    """The answer of a table of one seed at three widths."""
    rows = sweep_rows(surface, rates=rates, seeds=1)
    (group,) = read_table(write_csv(folder / "sweep.csv", rows)).groups
    return analyse(group, target)


def long_trained(epochs: float) -> Surface:
    """An MLP on CIFAR-10 by width: wide versions fit their data once they train for ten epochs.

    Before that each doubling gains a little and optima agree. After it the loss falls to a
    hundredth, the optimum moves up to right below the rate at which training grows unstable, and
    the loss beyond that rate is what it was: a wall.
    """

    def log_loss(width: int, rate: float) -> float | None:
        doublings = math.log2(width / 64)
        fitted = max(0.0, epochs / 10 * doublings - 1.0)
        best = min(-5.3 + 0.8 * fitted, -3.8)
        wall = -0.2 + 0.8 * (rate + 3.8) if rate > -3.6 else -math.inf
        basin = -0.15 * doublings - 1.6 * fitted + (0.06 + 0.25 * fitted) * (rate - best) ** 2
        return max(basin, wall)

    return log_loss


def lowest(surface: Surface, width: int) -> float:
    """log2 of the rate with the lowest loss."""
    fine = np.arange(-8, -2, 0.01)
    return float(min(fine, key=lambda rate: surface(width, rate) or math.inf))


def test_an_optimum_that_stays_is_recommended_for_a_wider_model(tmp_path: Path) -> None:
    answer = analysed(tmp_path, steady, 1024)

    assert answer.verdict == "recommend"
    assert answer.prediction is not None
    assert answer.prediction.log2_learning_rate == pytest.approx(-5.3, abs=0.05)
    assert answer.predicted_loss is not None
    assert answer.predicted_regret_percent is not None
    document = answer.document
    assert document["learning_rate"]["low"] < 2**-5.3 < document["learning_rate"]["high"]
    assert [at["width"] for at in document["optima"]] == [64, 128, 256]
    assert any("coordinate check" in line for line in document["said"])


@pytest.mark.parametrize("epochs", [1, 2, 8, 10, 12, 16, 20])
@pytest.mark.parametrize("target", [512, 1024, 2048])
def test_however_long_it_trained_the_targets_optimum_is_covered_or_abstained_on(
    tmp_path: Path, epochs: int, target: int
) -> None:
    surface = long_trained(epochs)

    answer = analysed(tmp_path, surface, target)

    at, truth = answer.prediction, lowest(surface, target)
    covered = at is not None and at.low_log2_learning_rate <= truth <= at.high_log2_learning_rate
    assert covered or answer.verdict == "abstain"
    if epochs <= 2:
        assert (covered, answer.verdict) == (True, "recommend")


def test_runs_of_few_steps_are_a_reason_for_caution_where_the_table_counts_them(
    tmp_path: Path,
) -> None:
    rows = [
        {**row, "steps": steps, "optimizer": f"of {steps} steps"}
        for steps in (8, 60)
        for row in sweep_rows(steady)
    ]
    short, long = read_table(write_csv(tmp_path / "sweep.csv", rows)).groups

    (reason,) = analyse(short, 1024).reasons
    assert (reason.topic, reason.severity) == ("proxy", "caution")
    assert "train for 8 steps" in reason.words
    assert analyse(short, 128).reasons == ()
    assert analyse(long, 1024).reasons == ()


def test_a_drift_is_told_and_not_followed(tmp_path: Path) -> None:
    def moving(width: int, rate: float) -> float | None:
        return 1.0 + 0.05 * (rate + 5.0 + 0.6 * math.log2(width / 64)) ** 2

    answer = analysed(tmp_path, moving, 1024)

    assert answer.verdict == "abstain"
    assert [reason.topic for reason in answer.reasons] == ["drift"]
    assert answer.drift is not None
    assert answer.drift.octaves_per_doubling == pytest.approx(-0.6, abs=0.05)


def test_a_target_that_the_table_has_is_answered_by_its_own_rows(tmp_path: Path) -> None:
    answer = analysed(tmp_path, steady, 128)

    assert answer.prediction is not None
    assert answer.prediction.doublings_beyond == 0
    assert answer.prediction.standard_error_octaves < 0.1


def test_a_width_of_too_few_losses_is_said_and_weakens_the_answer(tmp_path: Path) -> None:
    lonely: dict[str, object] = {"width": 512, "lr": 0.02, "seed": 0, "loss": 2.0}
    rows = [*sweep_rows(steady), lonely]
    (group,) = read_table(write_csv(tmp_path / "sweep.csv", rows)).groups

    answer = analyse(group, 1024)

    assert "width 512: 1 losses at 1 rates; an optimum takes 5 at 3" in answer.said
    assert "rates have 1 to 2 seeds each" in answer.said


def test_an_edge_makes_the_answer_abstain(tmp_path: Path) -> None:
    answer = analysed(tmp_path, lambda width, rate: 1.0 - 0.1 * rate, 1024)

    assert answer.verdict == "abstain"
    assert answer.prediction is None
    assert answer.document["learning_rate"] is None


def test_one_seed_alone_is_believed_less_than_several(tmp_path: Path) -> None:
    def widths_of_interval(seeds: int) -> float:
        rows = sweep_rows(steady, rates=DENSE, seeds=seeds)
        (group,) = read_table(write_csv(tmp_path / f"{seeds}.csv", rows)).groups
        at = analyse(group, 1024).prediction
        assert at is not None
        return at.high_log2_learning_rate - at.low_log2_learning_rate

    assert widths_of_interval(1) > 1.2 * widths_of_interval(2)
