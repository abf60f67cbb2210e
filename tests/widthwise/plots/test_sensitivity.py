"""The picture of a transfer, looked at through its pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from widthwise.errors import WidthwiseError
from widthwise.plots.sensitivity import draw_transfer

WIDTHS = (32, 64, 128, 256)
RATES = range(-10, -1)
TRANSFERRED_RATE = (0xB3, 0x26, 0x1E)
WIDEST, NARROWEST = (0x08, 0x30, 0x6B), (0x9C, 0xC3, 0xEA)


def curve(parametrization: str, width: int, *, diverged: int = 0) -> dict[str, Any]:
    """A parabola around an optimum that only the standard parametrization moves."""
    doublings = WIDTHS.index(width)
    best = -5.3 - doublings * (1.05 if parametrization == "sp" else 0.05)
    lowest = 2.3 - 0.06 * doublings
    points = []
    for rate in RATES:
        loss = lowest * (1 + 0.02 * (rate - best) ** 2)
        gone = rate >= max(RATES) - diverged + 1
        seeds = [{"seed": s, "loss": None if gone else loss + 0.01 * s} for s in (0, 1)]
        points.append(
            {
                "log2_learning_rate": float(rate),
                "mean_loss": None if gone else loss + 0.005,
                "diverged": 2 * gone,
                "seeds": seeds,
            }
        )
    optimum = {"status": "measured", "log2_learning_rate": best, "loss": lowest}
    names = {"optimizer": "adamw", "parametrization": parametrization, "width": width}
    return names | {"points": points, "optimum": optimum}


def document(curves: list[dict[str, Any]]) -> dict[str, Any]:
    """As the service answers it."""
    return {"compared_by": {"words": "mean train loss"}, "curves": curves}


def pixels(path: Path, colour: tuple[int, int, int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Where the picture has this colour, nearly."""
    image = (imread(path)[..., :3] * 255).astype(int)
    near: np.ndarray[Any, np.dtype[np.bool_]] = np.abs(image - np.array(colour)).max(axis=2) < 12
    return near


def test_both_panels_show_every_width_and_the_transferred_rate(tmp_path: Path) -> None:
    curves = [curve(name, width) for name in ("mup", "sp") for width in WIDTHS]
    path = tmp_path / "transfer.png"
    draw_transfer(document(curves), path)
    for colour in (WIDEST, NARROWEST, TRANSFERRED_RATE):
        columns = np.flatnonzero(pixels(path, colour).any(axis=0))
        middle = pixels(path, colour).shape[1] / 2
        assert columns.min() < middle < columns.max(), colour


def test_a_study_without_control_has_one_panel(tmp_path: Path) -> None:
    both, alone = tmp_path / "both.png", tmp_path / "alone.png"
    draw_transfer(document([curve("mup", 32), curve("sp", 32)]), both)
    draw_transfer(document([curve("mup", 32)]), alone)
    assert imread(alone).shape[1] < 0.6 * imread(both).shape[1]


@pytest.mark.parametrize("parametrizations", [["mup"], ["mup", "sp"]])
def test_the_legend_is_not_cut_off(tmp_path: Path, parametrizations: list[str]) -> None:
    path = tmp_path / "transfer.png"
    curves = [curve(name, width) for name in parametrizations for width in WIDTHS[:3]]
    draw_transfer(document(curves), path)
    edges = np.r_[0:4, -4:0]
    assert (imread(path)[:, edges, :3] == 1).all()


def test_rates_at_which_a_seed_diverged_are_crossed_at_the_top(tmp_path: Path) -> None:
    path = tmp_path / "transfer.png"
    draw_transfer(document([curve("mup", 32, diverged=2)]), path)
    drawn = pixels(path, NARROWEST)
    height, width = drawn.shape
    beyond_the_line = drawn[:, 17 * width // 20 :]
    assert beyond_the_line[: height // 5].sum() > 50
    assert beyond_the_line[height // 5 : 4 * height // 5].sum() == 0


def test_an_optimum_that_is_not_measured_gets_no_line(tmp_path: Path) -> None:
    open_ended = curve("mup", 32)
    open_ended["optimum"] = {"status": "inconclusive", "log2_learning_rate": -2.0, "loss": 2.0}
    path = tmp_path / "transfer.png"
    draw_transfer(document([open_ended]), path)
    assert not pixels(path, TRANSFERRED_RATE).any()


@pytest.mark.parametrize("optimizer", [None, "sgd"])
def test_where_nothing_is_measured_there_is_no_picture(
    tmp_path: Path, optimizer: str | None
) -> None:
    curves = [curve("mup", 32)] if optimizer else []
    with pytest.raises(WidthwiseError, match="nothing is measured yet"):
        draw_transfer(document(curves), tmp_path / "x.png", optimizer=optimizer)


def test_a_picture_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WidthwiseError, match="cannot write"):
        draw_transfer(document([curve("mup", 32)]), tmp_path / "absent" / "x.png")
