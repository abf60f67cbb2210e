"""The analysis of a sweep as text for a terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from parametrization.recommendation.evidence import WidthOptimum
from parametrization.sweeps.analysis import Analysis
from parametrization.text.rounding import known_digits, percent, significant
from widthwise.cli.recommendation_view import VERDICT_STYLES


def sweep_view(analysis: Analysis) -> RenderableType:
    """Verdict and reasons, the rate with its interval, the optima of the widths."""
    return Group(*_verdict(analysis), "", _optima(analysis), "", *_notes(analysis))


def _verdict(analysis: Analysis) -> Iterator[RenderableType]:
    where = ", ".join(f"{name} {value}" for name, value in analysis.where.items())
    yield Text.assemble(
        (analysis.verdict.upper(), VERDICT_STYLES[analysis.verdict]),
        f": width {analysis.target_width}{', ' if where else ''}{where}; {_rate(analysis)}",
    )
    for reason in analysis.reasons:
        yield Text.assemble(
            (f"  {reason.severity}: ", VERDICT_STYLES[reason.severity]), reason.words
        )


def _rate(analysis: Analysis) -> str:
    at = analysis.prediction
    if at is None:
        return "no optimum is known"
    digits = known_digits(2 ** (at.high_log2_learning_rate - at.log2_learning_rate) - 1)
    low, rate, high = (
        significant(2.0**one, digits)
        for one in (
            at.low_log2_learning_rate,
            at.log2_learning_rate,
            at.high_log2_learning_rate,
        )
    )
    return f"learning rate {rate}, 90 % interval {low} to {high}, as the table counts it"


def _optima(analysis: Analysis) -> RenderableType:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for name in ("width", "best rate", "log2", "± octaves", "loss", "losses", "rates"):
        table.add_column(name, justify="right")
    for at in analysis.optima:
        table.add_row(*_cells(at))
    return table


def _cells(at: WidthOptimum) -> Iterator[str]:
    found = at.optimum
    yield str(at.width)
    if found.log2_learning_rate is None:
        yield from ("-", "-", "-", "-")
    else:
        low, high = found.low_log2_learning_rate, found.high_log2_learning_rate
        yield f"{2.0**found.log2_learning_rate:.3g}"
        yield f"{found.log2_learning_rate:.2f}"
        yield found.status if low is None or high is None else f"{(high - low) / 2:.2f}"
        yield "-" if found.loss is None else f"{found.loss:.4g}"
    yield str(found.trials)
    yield str(found.rates)


def _notes(analysis: Analysis) -> Iterator[RenderableType]:
    drift = analysis.drift
    if drift is not None:
        error = drift.standard_error_octaves or 0.0
        yield Text(
            f"drift: {drift.octaves_per_doubling:+.2f} ± {error:.2f} octaves a doubling of width"
        )
    if analysis.predicted_regret_percent is not None:
        cost = percent(analysis.predicted_regret_percent)
        yield Text(f"expected cost of the rate's uncertainty: {cost} of loss")
    loss = analysis.predicted_loss
    if loss is not None:
        yield Text(f"loss expected there: {loss.words}")
    for line in analysis.said:
        yield Text(line, style="dim")
