"""Built-in shapes of schedules: the fall of the rate after the warm-up, one record each.

Every function takes the progress of the decay phase, in [0, 1), and the share of training that this
phase spans. Its source is repeated by generated code: it uses `math` and its arguments alone.
"""

import math
from typing import Final

from parametrization.schedules.declaration import ShapeDeclaration, ShapeNumber


def stay(progress: float, span: float) -> float:
    """Keep the peak."""
    return 1.0


def linear(progress: float, span: float) -> float:
    """Fall along a straight line."""
    return 1 - progress


def cosine(progress: float, span: float) -> float:
    """Fall along half a cosine."""
    return (1 + math.cos(math.pi * progress)) / 2


def cosine_restarts(progress: float, span: float, cycles: float, cycle_growth: float) -> float:
    """Fall along half a cosine, again and again from the peak."""
    lengths = [cycle_growth**cycle for cycle in range(int(cycles))]
    position = progress * sum(lengths)
    for length in lengths[:-1]:
        if position < length:
            break
        position -= length
    else:
        length = lengths[-1]
    return (1 + math.cos(math.pi * position / length)) / 2


def one_minus_sqrt(progress: float, span: float) -> float:
    """Fall fast at first."""
    return 1 - math.sqrt(progress)


def polynomial(progress: float, span: float, power: float) -> float:
    """Fall along a power of what is left."""
    return float((1 - progress) ** power)


def power_law(progress: float, span: float, exponent: float, timescale: float) -> float:
    """Fall along a negative power of the updates."""
    return float((1 + progress * span / timescale) ** -exponent)


def inverse_sqrt(progress: float, span: float, timescale: float) -> float:
    """Fall along one over the root of the updates."""
    return float((1 + progress * span / timescale) ** -0.5)


def seesaw_stages(growth: float, stages: float) -> tuple[tuple[float, float], ...]:
    """Shares of updates at which a cosine over the tokens has fallen by each power of `growth`."""
    count = int(stages)
    cuts = [math.acos(2 * growth**-stage - 1) / math.pi for stage in range(count + 1)] + [1.0]
    updates = [(cuts[stage + 1] - cuts[stage]) * growth**-stage for stage in range(count + 1)]
    return tuple(
        (sum(updates[:stage]) / sum(updates), growth ** (stage - count))
        for stage in range(count + 1)
    )


def seesaw(progress: float, span: float, growth: float, stages: float) -> float:
    """Fall by the root of what the batch grows by."""
    stage = sum(progress >= start for start, _ in seesaw_stages(growth, stages)) - 1
    return float(growth ** (-stage / 2))


_TIMESCALE: Final = ShapeNumber(
    default=0.1,
    low=1e-6,
    high=1.0,
    words="Share of training after which the power takes hold: the warm-up's, by custom.",
)

BUILT_IN_SHAPES: Final = (
    ShapeDeclaration(
        name="constant",
        words="The peak until the end.",
        spoken="constant",
        fall=stay,
        ends=False,
    ),
    ShapeDeclaration(
        name="linear",
        words="To the final fraction along a straight line.",
        spoken="a linear fall",
        fall=linear,
    ),
    ShapeDeclaration(
        name="cosine",
        words="To the final fraction along half a cosine (Loshchilov & Hutter 2017,"
        " arXiv:1608.03983, without restarts).",
        spoken="a cosine fall",
        fall=cosine,
    ),
    ShapeDeclaration(
        name="wsd",
        words="Warm-up, stable, and a linear fall over the last decay_fraction (Hu et al. 2024,"
        " arXiv:2404.06395).",
        spoken="a linear fall",
        fall=linear,
        stays=True,
    ),
    ShapeDeclaration(
        name="wsd_sqrt",
        words="As wsd, with a fall of 1 - sqrt(progress) (Hägele et al. 2024, arXiv:2405.18392).",
        spoken="a fall of 1 - sqrt(progress)",
        fall=one_minus_sqrt,
        stays=True,
    ),
    ShapeDeclaration(
        name="cosine_restarts",
        words="Half cosines, each from the peak again (Loshchilov & Hutter 2017,"
        " arXiv:1608.03983).",
        spoken="cosine falls with warm restarts",
        fall=cosine_restarts,
        numbers={
            "cycles": ShapeNumber(
                default=3, low=1, high=64, whole=True, words="Falls, restarts included."
            ),
            "cycle_growth": ShapeNumber(
                default=2.0, low=1.0, high=10.0, words="Length of each fall over the last one's."
            ),
        },
    ),
    ShapeDeclaration(
        name="inverse_sqrt",
        words="One over the root of the updates (Vaswani et al. 2017, arXiv:1706.03762, section"
        " 5.3).",
        spoken="an inverse square root",
        fall=inverse_sqrt,
        ends=False,
        numbers={"timescale": _TIMESCALE},
    ),
    ShapeDeclaration(
        name="power",
        words="A negative power of the updates (Shen et al. 2024, arXiv:2408.13359, eq. 1, there"
        " with exponent 0.51 of the tokens).",
        spoken="a power law",
        fall=power_law,
        ends=False,
        numbers={
            "exponent": ShapeNumber(default=0.51, low=0.01, high=10.0, words="Of the updates."),
            "timescale": _TIMESCALE,
        },
    ),
    ShapeDeclaration(
        name="polynomial",
        words="A power of the share of training that is left (torch's PolynomialLR).",
        spoken="a polynomial fall",
        fall=polynomial,
        numbers={"power": ShapeNumber(default=2.0, low=0.01, high=20.0, words="1 is linear.")},
    ),
    ShapeDeclaration(
        name="seesaw",
        words="The batch grows where a cosine would have fallen by as much, and the rate falls by"
        " the root of that: fewer updates for the same tokens (Meterez et al. 2025,"
        " arXiv:2510.14717). batch_size is that of the last stage.",
        spoken="a fall in stages by the root of what the batch grows by",
        fall=seesaw,
        calls=(seesaw_stages,),
        batch_stages=seesaw_stages,
        ends=False,
        numbers={
            "growth": ShapeNumber(
                default=2.0, low=1.1, high=16.0, words="Of the batch from stage to stage."
            ),
            "stages": ShapeNumber(
                default=3, low=1, high=16, whole=True, words="How often the batch grows."
            ),
        },
    ),
)
