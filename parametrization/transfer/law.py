"""Carry an optimum on from measured widths to another one, with the error of doing so.

Under muP the optimum nears a limit as a power of the width: theta(w) = theta_inf + D / sqrt(w). So
what is still to come shrinks with the width itself, and a line through three optima, drawn on in
log2(width), overshoots. On twelve problems (MLPs by AdamW, SGD, Lion, Muon, SOAP and with tanh,
GPTs by AdamW, Lion and Muon, a ViT, a ResNet, a DiT; five widths a factor 2 apart, 6 to 20 seeds)
the target's optimum, four times wider than the widest one measured, is missed by

    0.28 octaves  by the mean of three optima      0.20  by a + b / sqrt(w)
    0.25          by a line through them           0.17  by the widest optimum alone
    0.14          by the widest plus a quarter of the last step, by 0.12 plus half of it

where the true optima are given. A study has fits, whose noise is as large as the last step: a line
through all of them over 1 / sqrt(w), shrunk, costs a tenth less at the target than that step does,
and 4 % less on a second bank (`docs/decisions/0041-the-drift-is-that-of-all-widths.md`). The
constants below are set so that the interval is as wide as the errors that were measured over 576
simulated studies of those problems, by distance. That the drift vanishes like a power of the width
is also found by Ghosh et al. 2025, arXiv:2512.22768.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from parametrization.transfer.drift import SCATTER_OCTAVES

EXPONENT: Final = 0.5
MOVE_OCTAVES: Final = 2.5
"""Standard deviation of D around zero, in octaves times sqrt(width): 0.17 octaves from 64 to 256.

Measured at 90 %, with the fit's own error: 0.37 to 0.43 octaves for one doubling beyond the widest
width, 0.43 to 0.48 for two, 0.59 to 0.68 for three and 0.75 for four, which began at ever narrower
widths."""
PER_DOUBLING_OCTAVES: Final = 0.03
"""Standard deviation added per doubling: widths of thousands have hardly been measured, and there
the law alone would promise that nothing moves."""
SEARCH_OCTAVES: Final = 0.2
"""Standard error of a usual study's optimum: a grid of factor 2 with two or three seeds. Intervals
take no less: a lucky fit that claims more is not believed beyond its own width."""
NOISY_OCTAVES: Final = 0.25
"""Standard error from which an optimum counts as noisier than usual, and widens the interval."""
BELIEVED_ERROR_OCTAVES: Final = 0.4
"""Standard errors are cut off here: fits that report 0.8 and more, resamples of five trials
with one seed above all, were 0.27 to 0.33 octaves from the true optima, those that report 0.2 to
0.4 were 0.16 to 0.24."""
UNMEASURED_DRIFT_OCTAVES: Final = 0.5
"""Added to an interval on both sides until three widths are measured.

Measured: an interval without it held the optimum of a target three doublings wider in 25 to 60 %
of studies, and with it in 82 to 100 %."""
MIN_WIDTHS: Final = 3
SURPRISE: Final = 1.6449
"""Steps between neighbouring widths larger than this many times the expected widen the interval
in proportion: the 90 % point of a normal distribution."""
REGRET_SHARE: Final = 0.5
"""Mean square of the rate's true error over that of the predictive distribution, on most problems:
intervals are as wide as the worst ones need. With it the predicted regret is 1.1 times the true
one, averaged over problems; with 0.8, which the mean over all of them asks for because of one whose
optimum moves by half an octave, 1.9 times, and a third of good answers are flagged for nothing."""


def coordinate(width: float) -> float:
    """1 / sqrt(width): the optimum moves in a straight line along it.

    An infinite width has 0.

    >>> coordinate(64)
    0.125
    """
    return math.pow(width, -EXPONENT)


def move_octaves(width: int, other: int) -> float:
    """Standard deviation of the optimum's move between two widths before any drift is seen.

    >>> round(move_octaves(64, 256), 2), round(move_octaves(1024, 4096), 2)
    (0.17, 0.07)
    """
    by_law = MOVE_OCTAVES * (coordinate(width) - coordinate(other))
    return math.hypot(by_law, PER_DOUBLING_OCTAVES * math.log2(other / width))


def search_error(standard_error_octaves: float, seeds: int | None) -> float:
    """The optimum's own share of the error at another width, in octaves.

    What one seed's trials have in common cannot be seen in them. Their optima were 1.45 times as
    far from the true ones as those of two seeds, over the problems of the bank.

    Args:
        standard_error_octaves: of the fit.
        seeds: that the width was trained with; None if it is not said, which counts as several.

    >>> search_error(0.1, 2), round(search_error(0.4, 2), 2), round(search_error(0.1, 1), 2)
    (0.2, 0.37, 0.28)
    """
    more = max(0.0, standard_error_octaves**2 - NOISY_OCTAVES**2)
    usual = math.sqrt(2) * SEARCH_OCTAVES if seeds == 1 else SEARCH_OCTAVES
    return math.hypot(usual, math.sqrt(more))


def carried(
    widths: Sequence[int], optima_octaves: Sequence[float], errors_octaves: Sequence[float]
) -> float:
    """D fitted to the optima of all measured widths, shrunk by the part that is due to noise.

    A line over the law's coordinate, on which a narrow width lies far from the others and the last
    two near each other: the step between those determines D less well than one from the narrowest.

    Args:
        widths: two or more, all different.
        optima_octaves: log2 of each width's best rate.
        errors_octaves: their standard errors; a search's usual one is joined to each, as a lucky
            fit that claims less is not believed.

    >>> round(carried((16, 64), (-5.0, -4.8), (0.1, 0.1)), 2)
    -0.72
    """
    along = np.array([coordinate(width) for width in widths])
    errors = np.hypot(np.minimum(errors_octaves, BELIEVED_ERROR_OCTAVES), SEARCH_OCTAVES)
    weights = 1 / (errors**2 + SCATTER_OCTAVES**2)
    offsets = along - np.average(along, weights=weights)
    information = float(weights @ offsets**2)
    moves = np.array(optima_octaves) - optima_octaves[-1]
    fitted = float(weights @ (offsets * moves)) / information
    return fitted * MOVE_OCTAVES**2 / (MOVE_OCTAVES**2 + 1 / information)
