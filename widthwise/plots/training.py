"""Loss and parameter norm step by step, one line per optimizer, as a PNG."""

from pathlib import Path
from statistics import fmean
from typing import Any, Final, NamedTuple

from parametrization.recommendation.document import RecommendationDocument
from widthwise.errors import WidthwiseError
from widthwise.plots.figures import INK, Panel, new_figure, style_panel, write_figure

PANELS: Final = {"train_loss": "train loss", "parameter_norm": "norm of all parameters"}
"""Titles of the panels, by metric."""
_COLOURS: Final = ("#08306b", "#c2571a", "#2b7a3d", "#7b3294", "#8c6d1f", "#b3261e", "#0b7285")
_DASHES: Final = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))
"""Lines differ by more than their colour."""


class BestRate(NamedTuple):
    """The trials of one optimizer's best measured rate, one a seed."""

    width: int
    learning_rate: float
    numbers: tuple[int, ...]


def best_rates(recommendation: RecommendationDocument) -> dict[str, BestRate]:
    """The best rate of each optimizer at the widest width that all are measured at under muP.

    Args:
        recommendation: of the study, for any of its optimizers.

    Raises:
        WidthwiseError: if there is no such width yet, or the service is of a release that does not
            say which trials they are.

    """
    standings = recommendation.optimizers
    if not standings:
        raise WidthwiseError("no width is measured yet for every optimizer of this study")
    found = {}
    for one in standings:
        if one.best_learning_rate is None:
            raise WidthwiseError(f"the service names no best measured rate of {one.optimizer}")
        found[one.optimizer] = BestRate(one.width, one.best_learning_rate, one.best_trials)
    return found


def draw_training(best: dict[str, BestRate], curves: dict[str, Any], path: Path) -> None:
    """Draw means over seeds, with a band from the lowest to the highest seed.

    Args:
        best: which trials to draw.
        curves: of these trials at least, as `Client.curves` returns them.

    Raises:
        WidthwiseError: if a curve is missing.

    """
    by_key = {(c["number"], c["metric"]): c for c in curves["curves"]}
    figure = new_figure(panels=len(PANELS))
    axes = figure.subplots(1, len(PANELS), squeeze=False)[0]
    width = next(iter(best.values())).width
    for ax, (metric, title) in zip(axes, PANELS.items(), strict=True):
        style_panel(ax, f"{title}, width {width}", "step")
        for i, (optimizer, chosen) in enumerate(best.items()):
            missing = [number for number in chosen.numbers if (number, metric) not in by_key]
            if missing:
                raise WidthwiseError(f"there is no curve of {metric} for trial {missing[0]}")
            drawn = [by_key[number, metric] for number in chosen.numbers]
            label = f"{optimizer}, base-width rate {chosen.learning_rate:.3g}"
            _draw(ax, drawn, label, _COLOURS[i % len(_COLOURS)], _DASHES[i % len(_DASHES)])
    axes[0].set_ylabel("mean over seeds; band: lowest to highest", color=INK)
    write_figure(figure, axes[0], path)


def _draw(ax: Panel, curves: list[dict[str, Any]], label: str, colour: str, dashes: Any) -> None:  # noqa: ANN401  matplotlib's own
    by_step = list(zip(*(curve["values"] for curve in curves), strict=True))
    steps = curves[0]["steps"]
    low, high = [min(values) for values in by_step], [max(values) for values in by_step]
    ax.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
    means = [fmean(values) for values in by_step]
    ax.plot(steps, means, color=colour, linestyle=dashes, linewidth=1.8, label=label)
