"""Measured optima of widths, by their rates."""

from collections.abc import Sequence

from parametrization.recommendation.evidence import Z90, Optimum, WidthOptimum

WIDTHS = (32, 64, 128)


def optima(
    rates: Sequence[float], widths: Sequence[int] = WIDTHS, half: float = 0.15, loss: float = 2.6
) -> list[WidthOptimum]:
    """Measured optima with equal intervals of this half width."""
    return [
        WidthOptimum(
            width=width,
            optimum=Optimum(
                status="measured",
                log2_learning_rate=rate,
                low_log2_learning_rate=rate - half,
                high_log2_learning_rate=rate + half,
                standard_error_octaves=half / Z90,
                loss=loss,
                curvature=0.02,
                trials=14,
                rates=7,
            ),
        )
        for width, rate in zip(widths, rates, strict=True)
    ]


def inconclusive(width: int) -> WidthOptimum:
    """An optimum on the edge of the grid."""
    found = Optimum(
        status="inconclusive", log2_learning_rate=-2.0, edge="high", loss=1.0, trials=14, rates=7
    )
    return WidthOptimum(width=width, optimum=found)
