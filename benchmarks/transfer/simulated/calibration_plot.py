"""Draw how often the truth lies below each quantile of the predictive distribution."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from widthwise.plots.figures import INK, MUTED, new_figure, style_panel, write_figure

COLOURS: Final = ("#2f6fb3", "#c2571a")
Shares = Mapping[str, float]
"""Of the true optima below each quantile, by the quantile's probability."""


def draw_calibration(banks: Mapping[str, Shares], path: Path) -> None:
    """A PNG of the observed shares against the probability that is claimed; equal is right.

    Args:
        banks: shares by the bank's name, two at most.

    """
    figure = new_figure(panels=1)
    ax = figure.subplots()
    style_panel(ax, "Calibration at four times the widest width", "probability that is claimed")
    ax.set_ylabel("share of true optima below", color=INK)
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":", label="right")
    for (name, shares), colour in zip(banks.items(), COLOURS, strict=False):
        claimed = [float(probability) for probability in shares]
        ax.plot(claimed, list(shares.values()), color=colour, marker="o", label=name)
    write_figure(figure, ax, path)
