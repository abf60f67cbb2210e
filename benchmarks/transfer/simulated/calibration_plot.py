"""Draw how often the truth lies below each quantile of the predictive distribution."""

from collections.abc import Mapping
from pathlib import Path

from widthwise.plots.figures import INK, MUTED, new_figure, style_panel, write_figure


def draw_calibration(shares: Mapping[str, float], path: Path) -> None:
    """A PNG of the observed share against the probability that is claimed; equal is right.

    Args:
        shares: of the true optima below each quantile, by the quantile's probability.

    """
    figure = new_figure(panels=1)
    ax = figure.subplots()
    style_panel(ax, "Calibration at four times the widest width", "probability that is claimed")
    ax.set_ylabel("share of true optima below", color=INK)
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":", label="right")
    claimed = [float(probability) for probability in shares]
    ax.plot(claimed, list(shares.values()), color="#2f6fb3", marker="o", label="measured")
    write_figure(figure, ax, path)
