"""Draw a batch size and a warning about the rate from the dynamics of the winner's training."""

import math
from collections.abc import Iterator, Sequence
from statistics import median, median_low
from typing import NamedTuple

from parametrization.recommendation.dynamics import (
    CriticalBatch,
    DynamicsFindings,
    Look,
    StudyDynamics,
    WidthDynamics,
)
from parametrization.text.rounding import significant
from tuner.spec.optimizers.name import Optimizer


def dynamics_of(stored: StudyDynamics | None, optimizer: Optimizer) -> tuple[WidthDynamics, ...]:
    """Of one optimizer, the narrowest width first."""
    trainings = () if stored is None else stored.trainings
    found = (one for one in trainings if one.optimizer == optimizer)
    return tuple(sorted(found, key=lambda one: one.width))


def dynamics_findings(measured: Sequence[WidthDynamics]) -> DynamicsFindings | None:
    """Critical batch and edge of stability over all measured widths; None without any look."""
    if not any(one.looks for one in measured):
        return None
    batches = tuple(
        CriticalBatch(width=one.width, examples=found)
        for one in measured
        if (found := _critical_batch(one.looks)) is not None
    )
    typical = median(one.examples for one in batches) if batches else None
    edge = max((at for one in measured if (at := _sustained(one)) is not None), default=None)
    findings = DynamicsFindings(
        critical_batches=batches,
        critical_batch=typical,
        batch_size=None if typical is None else max(1, 2 ** round(math.log2(max(1.0, typical)))),
        edge=edge and edge.share,
        edge_width=edge and edge.width,
        edge_step=edge and edge.step,
        words=(),
    )
    return findings.model_copy(update={"words": tuple(_words(findings, measured))})


def _critical_batch(looks: Sequence[Look]) -> float | None:
    """Noise over gradient, both averaged over the second half of training before the ratio."""
    late = [look for look in looks if 2 * look.step >= looks[-1].step]
    square = sum(look.gradient_square for look in late)
    noise = sum(look.noise_trace for look in late)
    return noise / square if late and square > 0 and noise > 0 else None


class _Edge(NamedTuple):
    """One look's share of the largest curvature that is stable with the optimizer."""

    share: float
    width: int
    step: int


def _edges(one: WidthDynamics) -> list[_Edge]:
    return [_Edge(look.edge, one.width, look.step) for look in one.looks if look.edge is not None]


def _sustained(one: WidthDynamics) -> _Edge | None:
    """The median look after the first quarter of training; of two the lower one.

    The edge of stability is the level at which curvature comes to rest: it rises to it, or falls
    from far above in the first updates, and then hovers (Cohen et al. 2021, arXiv:2103.00065; 2022,
    arXiv:2207.14484, for Adam 38 / rate at beta1 = 0.9). The largest of all looks is one of those
    first updates, or of one batch; at the last look the rate has decayed to next to nothing.
    """
    late = [at for at in _edges(one) if 4 * at.step >= one.looks[-1].step]
    return median_low(late) if late else None


def _words(found: DynamicsFindings, measured: Sequence[WidthDynamics]) -> Iterator[str]:
    if found.critical_batch is None:
        yield (
            "no gradient was seen beyond its noise in the second half of training: the critical"
            " batch is far larger than could be measured"
        )
    else:
        batches = found.critical_batches
        each = ", ".join(f"{one.examples:.3g} at width {one.width}" for one in batches)
        yield (
            f"noise and gradient weigh the same at a batch of {found.critical_batch:.3g} examples"
            f" ({each}): train near {found.batch_size}, for a larger batch saves few updates and a"
            " smaller one costs little more compute; it grows as the loss falls, so that a longer"
            " run can do with more"
        )
    if found.edge is not None:
        beyond = "at the edge of stability" if found.edge >= 1 else "below the edge of stability"
        most = max(edge for one in measured for edge in _edges(one))
        yield (
            f"curvature times rate is {significant(found.edge, 2)} times the most that is stable"
            f" with the optimizer (median after the first quarter of training, width"
            f" {found.edge_width}): {beyond}; the largest once was {significant(most.share, 2)}"
            f" times (width {most.width}, update {most.step})"
        )
    for one in measured:
        if one.problem is not None:
            yield f"width {one.width}: {one.problem}"
