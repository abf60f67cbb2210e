"""The picture that compares optimizers, and which trials it shows."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from widthwise.errors import WidthwiseError
from widthwise.plots.training import BestRate, best_rates, draw_training


def trial(number: int, optimizer: str, width: int, rate: float, value: float | None) -> Any:  # noqa: ANN401  a document
    return {
        "number": number,
        "purpose": "measure",
        "optimizer": optimizer,
        "width": width,
        "hyperparameters": {"learning_rate": rate},
        "value": value,
    }


TRIALS = {
    "trials": [
        trial(0, "adamw", 64, 0.1, 2.0),
        trial(1, "adamw", 64, 0.1, 2.2),
        trial(2, "adamw", 64, 0.2, 1.0),
        trial(3, "adamw", 64, 0.2, None),  # a rate at which one seed diverges is not the best
        trial(4, "adamw", 128, 0.1, 1.0),
        trial(5, "sgd", 64, 0.5, 3.0),
        trial(6, "sgd", 64, 0.5, 2.5),
        {**trial(7, "sgd", 64, 0.7, 0.1), "purpose": "search"},
    ]
}


def test_the_best_rate_is_the_one_that_all_seeds_survive_at_a_width_all_have() -> None:
    assert best_rates(TRIALS) == {
        "adamw": BestRate(64, 0.1, (0, 1)),
        "sgd": BestRate(64, 0.5, (5, 6)),
    }


@pytest.mark.parametrize(
    "trials", [[], [trial(0, "adamw", 64, 0.1, 2.0), trial(1, "sgd", 128, 0.1, 2.0)]]
)
def test_without_a_width_in_common_there_is_nothing_to_compare(trials: list[Any]) -> None:
    with pytest.raises(WidthwiseError, match="no width is measured yet for every optimizer"):
        best_rates({"trials": trials})


def curves_of(best: dict[str, BestRate]) -> dict[str, Any]:
    return {
        "curves": [
            {"number": number, "metric": metric, "steps": [1, 2, 3], "values": [3.0, 2.0, 1.5]}
            for chosen in best.values()
            for number in chosen.numbers
            for metric in ("train_loss", "parameter_norm")
        ]
    }


def test_every_optimizer_has_a_line_in_both_panels(tmp_path: Path) -> None:
    best = best_rates(TRIALS)
    path = tmp_path / "compared.png"
    draw_training(best, curves_of(best), path)
    image = (imread(path)[..., :3] * 255).astype(int)
    middle = image.shape[1] // 2
    for colour in ((0x08, 0x30, 0x6B), (0xC2, 0x57, 0x1A)):
        drawn = (abs(image - colour).max(axis=2) < 12).any(axis=0)
        assert drawn[:middle].any(), colour
        assert drawn[middle:].any(), colour


def test_a_missing_curve_is_named(tmp_path: Path) -> None:
    best = best_rates(TRIALS)
    curves = curves_of(best)
    curves["curves"] = [c for c in curves["curves"] if c["number"] != 6]
    with pytest.raises(WidthwiseError, match="no curve of train_loss for trial 6"):
        draw_training(best, curves, tmp_path / "compared.png")
