"""The coordinate check in one call, over widths or over depths of the reader's own model."""

from collections.abc import Callable, Iterable, Sequence

from parametrization.check.slopes import TensorStatistic
from parametrization.check.verdict import CheckVerdict, is_open, judge
from parametrization.nn.check.depth import depth_statistics, judge_depth
from parametrization.nn.check.statistics import CheckedTraining, coordinate_statistics
from parametrization.rules.policies import Policies
from parametrization.scaling.tensor_scaling import DEFAULT_POLICIES, TensorScaling
from parametrization.shapes.roles import ModelShape

Scalings = Callable[[int], Sequence[TensorScaling]]


def check_width(  # noqa: PLR0913  # what is checked, and one keyword per choice
    training: Callable[[int], CheckedTraining],
    scalings: Scalings,
    shape: ModelShape,
    *,
    optimizer: str,
    widths: Iterable[int],
    seeds: Sequence[int] = range(4),
    policies: Policies = DEFAULT_POLICIES,
    most_seeds: int = 0,
) -> CheckVerdict:
    """Train a few steps at every width and judge rates, multipliers and initial sizes.

    Args:
        training: the model and its data at a width.
        scalings: the numbers under test at a width, at the declared check rate.
        shape: the model's base shapes, from `derive_model_shape`.
        widths: three or more, spanning a factor of eight if they can.
        seeds: four or more; eight for SGD.
        policies: that the numbers under test follow.
        most_seeds: while slopes leave it undecided, as many seeds again are taken, up to so many
            in all; by default those given alone. What is wrong by half a power of width is only
            the surer to fail.

    """
    sizes, taken = tuple(widths), tuple(seeds)
    statistics = _over(sizes, training, scalings, taken)
    verdict = judge(statistics, shape, optimizer, policies)
    while is_open(verdict) and 2 * len(taken) <= most_seeds:
        further = tuple(range(max(taken) + 1, max(taken) + 1 + len(taken)))
        statistics += _over(sizes, training, scalings, further)
        taken += further
        verdict = judge(statistics, shape, optimizer, policies)
    return verdict


def _over(
    widths: Iterable[int],
    training: Callable[[int], CheckedTraining],
    scalings: Scalings,
    seeds: Sequence[int],
) -> list[TensorStatistic]:
    return [
        statistic
        for width in widths
        for statistic in coordinate_statistics(
            training(width), scalings(width), width=width, seeds=seeds
        )
    ]


def check_depth(
    training: Callable[[int], CheckedTraining],
    scalings: Scalings,
    shape: Callable[[int], ModelShape],
    *,
    optimizer: str,
    depths: Iterable[int],
    seeds: Sequence[int] = range(4),
) -> CheckVerdict:
    """Train a few steps at every depth and judge rates, branch multipliers and initial sizes.

    Args:
        training: the model and its data at a depth, branch multipliers set in `build` or `start`.
        scalings: the numbers under test at a depth.
        shape: base shapes at a depth, tensors in blocks marked.
        depths: three or more.
        seeds: four or more; eight for SGD.

    """
    statistics = [
        statistic
        for depth in depths
        for statistic in depth_statistics(
            training(depth),
            scalings(depth),
            shape(depth),
            depth=depth,
            seeds=seeds,
        )
    ]
    return judge_depth(statistics, optimizer)
