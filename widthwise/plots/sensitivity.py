"""Loss against learning rate by width, muP beside the standard parametrization, as a PNG."""

from pathlib import Path
from typing import Any, Final

from widthwise.errors import WidthwiseError
from widthwise.plots.figures import INK, Panel, new_figure, style_panel, write_figure

TITLES: Final = {
    "mup": "μP",
    "sp": "standard parametrization",
    "sp+embedding": "standard, μP's embedding rate",
}
_RATE: Final = "#b3261e"
_RAMP: Final = ("#9cc3ea", "#08306b")  # narrow to wide: width is ordinal, so one hue
_HEADROOM: Final = 1.0  # shown above the highest minimum, in spreads of the minima


def draw_transfer(sensitivity: dict[str, Any], path: Path, *, optimizer: str | None = None) -> None:
    """Draw the sensitivity document to a PNG file.

    Panels share both axes. One line per width with a band from the best to the worst seed, a
    star at each fitted optimum, crosses at the top where a seed diverged, and across both
    panels the rate found on the narrowest width: it is what transfers.

    Args:
        sensitivity: as `Client.sensitivity` returns it.
        optimizer: whose curves to draw; default: the first one's.

    Raises:
        WidthwiseError: if nothing is measured yet.

    """
    curves = _curves_of(sensitivity, optimizer)
    by_name = {name: [c for c in curves if c["parametrization"] == name] for name in TITLES}
    panels = {name: drawn for name, drawn in by_name.items() if drawn}
    figure = new_figure(panels=len(panels))
    colours = _ramp(sorted({c["width"] for c in curves}))
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    low, high = _loss_range(curves)
    axes[0].set_ylim(low, high)
    for ax, (name, drawn) in zip(axes, panels.items(), strict=True):
        _draw_panel(ax, drawn, colours, TITLES[name])
        _mark_diverged(ax, drawn, colours, high)
        _mark_transferred_rate(ax, curves)
    axes[0].set_ylabel(sensitivity["compared_by"]["words"], color=INK)
    write_figure(figure, axes[0], path)


def _curves_of(sensitivity: dict[str, Any], optimizer: str | None) -> list[dict[str, Any]]:
    """Measured curves of one optimizer, narrowest width first."""
    measured = [
        c for c in sensitivity["curves"] if any(p["mean_loss"] is not None for p in c["points"])
    ]
    optimizers = list(dict.fromkeys(c["optimizer"] for c in sensitivity["curves"]))
    wanted = optimizer or (optimizers[0] if optimizers else None)
    curves = [c for c in measured if c["optimizer"] == wanted]
    if not curves:
        known = f"; it has {', '.join(optimizers)}" if optimizers and optimizer else ""
        raise WidthwiseError(f"nothing is measured yet for {wanted or 'this study'}{known}")
    return sorted(curves, key=lambda c: int(c["width"]))


def _draw_panel(
    ax: Panel, curves: list[dict[str, Any]], colours: dict[int, str], title: str
) -> None:
    style_panel(ax, title, "learning rate at the base width")
    ax.locator_params(axis="x", integer=True)
    ax.xaxis.set_major_formatter(lambda log2_rate, _: f"$2^{{{log2_rate:g}}}$")
    for curve in curves:
        _draw_curve(ax, curve, colours[curve["width"]])
    _draw_optima(ax, curves, colours)


def _draw_curve(ax: Panel, curve: dict[str, Any], colour: str) -> None:
    points = [p for p in curve["points"] if p["mean_loss"] is not None]
    rates = [p["log2_learning_rate"] for p in points]
    best = [min(_losses(p)) for p in points]
    worst = [max(_losses(p)) for p in points]
    ax.fill_between(rates, best, worst, color=colour, alpha=0.18, linewidth=0)
    means = [p["mean_loss"] for p in points]
    label = f"width {curve['width']}"
    ax.plot(rates, means, color=colour, linewidth=1.8, marker="o", markersize=3, label=label)


def _draw_optima(ax: Panel, curves: list[dict[str, Any]], colours: dict[int, str]) -> None:
    """A star per measured optimum, and the path they take: the drift."""
    found = [c for c in curves if c["optimum"]["status"] == "measured"]
    rates = [c["optimum"]["log2_learning_rate"] for c in found]
    losses = [c["optimum"]["loss"] for c in found]
    ax.plot(rates, losses, color=INK, linewidth=1.2, linestyle=":", zorder=4)
    for curve, rate, loss in zip(found, rates, losses, strict=True):
        ax.plot(
            *([rate], [loss]), color=colours[curve["width"]],
            marker="*", markersize=15, markeredgecolor="white", zorder=5,
        )  # fmt: skip


def _mark_diverged(
    ax: Panel, curves: list[dict[str, Any]], colours: dict[int, str], top: float
) -> None:
    for curve in curves:
        rates = [p["log2_learning_rate"] for p in curve["points"] if p["diverged"]]
        (crosses,) = ax.plot(
            *(rates, [top] * len(rates)), linestyle="", clip_on=False,
            color=colours[curve["width"]], marker="x", markersize=7, markeredgewidth=1.8,
        )  # fmt: skip
        crosses.set_in_layout(False)  # the layout takes a line without points for an endless one


def _mark_transferred_rate(ax: Panel, curves: list[dict[str, Any]]) -> None:
    """A line at the optimum that muP measured on the narrowest width."""
    proxy = next((c for c in curves if c["parametrization"] == "mup"), None)
    if proxy is None or proxy["optimum"]["status"] != "measured":
        return
    rate = proxy["optimum"]["log2_learning_rate"]
    label = f"best rate at width {proxy['width']}, transferred"
    ax.axvline(rate, color=_RATE, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1, label=label)


def _loss_range(curves: list[dict[str, Any]]) -> tuple[float, float]:
    """Limits that show every minimum well: the steep sides leave the picture."""
    means = [
        losses
        for curve in curves
        if (losses := [p["mean_loss"] for p in curve["points"] if p["mean_loss"] is not None])
    ]
    stars = [c["optimum"]["loss"] for c in curves if c["optimum"]["status"] == "measured"]
    low, high = min([*map(min, means), *stars]), max(map(max, means))
    highest_minimum = max(map(min, means))
    top = min(high, highest_minimum + _HEADROOM * (highest_minimum - low) + 0.25 * highest_minimum)
    margin = 0.04 * (top - low)
    return low - margin, top + margin


def _losses(point: dict[str, Any]) -> list[float]:
    return [seed["loss"] for seed in point["seeds"] if seed["loss"] is not None]


def _ramp(widths: list[int]) -> dict[int, str]:
    """A colour per width, dark for wide."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    ramp = LinearSegmentedColormap.from_list("width", _RAMP)
    last = max(len(widths) - 1, 1)
    return {width: to_hex(ramp(i / last)) for i, width in enumerate(widths)}
