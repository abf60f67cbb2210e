"""Set up matplotlib for all plots: one look, and an error that says what to install for them."""

from pathlib import Path
from typing import Final, TypeAlias

from widthwise.errors import WidthwiseError

try:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
except ModuleNotFoundError as error:
    raise WidthwiseError(
        "plots need matplotlib, which is not installed here: pip install matplotlib"
    ) from error

Panel: TypeAlias = Axes

INK: Final = "#1c2430"
MUTED: Final = "#6b7684"
_LEGEND_ENTRY_INCHES: Final = 2.7  # a line and some thirty letters


def new_figure(*, panels: int) -> Figure:
    """An empty picture for panels side by side."""
    figure = Figure(figsize=(5.2 * panels + 0.6, 4.6), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def style_panel(ax: Panel, title: str, x_label: str) -> None:
    """Give a panel its title, its grid and its x axis."""
    ax.set_title(title, color=INK, fontsize=12, fontweight="bold", loc="left")
    ax.set_xlabel(x_label, color=INK)
    ax.grid(color="#e6e9ee", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=MUTED)


def write_figure(figure: Figure, first: Panel, path: Path) -> None:
    """Store the picture as a PNG, with the first panel's legend below.

    Raises:
        WidthwiseError: if the file cannot be written.

    """
    handles, labels = first.get_legend_handles_labels()
    columns = min(len(labels), int(figure.get_figwidth() / _LEGEND_ENTRY_INCHES))
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=9
    )
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise WidthwiseError(f"cannot write {path}: {error.strerror}") from error
