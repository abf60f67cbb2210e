"""The picture that compares optimizers, and which trials it shows."""

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.reading import read_recommendation
from widthwise.errors import WidthwiseError
from widthwise.plots.training import BestRate, best_rates, draw_training

ANSWER = Path(__file__).parent.parent / "documents" / "format_0_last.json"


def standing(optimizer: str, rate: float | None, numbers: list[int]) -> dict[str, Any]:
    return {
        "optimizer": optimizer,
        "width": 64,
        "loss": 2.0,
        "log2_learning_rate": -3.4,
        "excess_percent": 0.0,
        "best_learning_rate": rate,
        "best_trials": numbers,
    }


def answer(*standings: dict[str, Any]) -> RecommendationDocument:
    """A recommendation of a study with these standings."""
    return read_recommendation(json.loads(ANSWER.read_text()) | {"optimizers": standings})


COMPARED = answer(standing("adamw", 0.1, [0, 1]), standing("sgd", 0.5, [5, 6]))


def test_the_service_says_which_trials_are_of_each_optimizers_best_rate() -> None:
    assert best_rates(COMPARED) == {
        "adamw": BestRate(64, 0.1, (0, 1)),
        "sgd": BestRate(64, 0.5, (5, 6)),
    }


@pytest.mark.parametrize(
    ("standings", "words"),
    [
        ([], "no width is measured yet for every optimizer"),
        ([standing("adamw", None, [])], "names no best measured rate of adamw"),
    ],
)
def test_without_a_width_in_common_there_is_nothing_to_compare(
    standings: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(WidthwiseError, match=words):
        best_rates(answer(*standings))


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
    best = best_rates(COMPARED)
    path = tmp_path / "compared.png"
    draw_training(best, curves_of(best), path)
    image = (imread(path)[..., :3] * 255).astype(int)
    middle = image.shape[1] // 2
    for colour in ((0x08, 0x30, 0x6B), (0xC2, 0x57, 0x1A)):
        drawn = (abs(image - colour).max(axis=2) < 12).any(axis=0)
        assert drawn[:middle].any(), colour
        assert drawn[middle:].any(), colour


def test_a_missing_curve_is_named(tmp_path: Path) -> None:
    best = best_rates(COMPARED)
    curves = curves_of(best)
    curves["curves"] = [c for c in curves["curves"] if c["number"] != 6]
    with pytest.raises(WidthwiseError, match="no curve of train_loss for trial 6"):
        draw_training(best, curves, tmp_path / "compared.png")
