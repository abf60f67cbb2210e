"""Expected width of a prediction's interval, before anything is measured."""

import math
from collections.abc import Sequence

from parametrization.recommendation.evidence import Z90
from parametrization.transfer.law import (
    MIN_WIDTHS,
    SEARCH_OCTAVES,
    UNMEASURED_DRIFT_OCTAVES,
    move_octaves,
    search_error,
)


def expected_interval_octaves(
    widths: Sequence[int], width: int, *, seeds: int | None = None
) -> float:
    """Octaves between the ends of the 90 % interval that a usual study of these widths gives.

    As `predict` gives it where every optimum has the usual error and all of them agree.

    Args:
        widths: that would be measured, in any order.
        width: of the target.
        seeds: number of seeds at every width; None: as many as an adaptive plan takes.

    """
    error = search_error(SEARCH_OCTAVES, seeds)
    if width in widths:
        return 2 * Z90 * SEARCH_OCTAVES
    moves = (
        move_octaves(measured, width) if measured < width else move_octaves(width, measured)
        for measured in widths
    )
    error = math.hypot(error, min(moves))
    if len(widths) < MIN_WIDTHS:
        error += UNMEASURED_DRIFT_OCTAVES / Z90
    return 2 * Z90 * error
