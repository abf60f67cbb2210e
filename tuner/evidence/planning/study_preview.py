"""Trials, cost and expected uncertainty of a study, computed before it starts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from parametrization.shapes.roles import ModelShape
from parametrization.text.durations import plan_duration
from parametrization.text.rounding import powers_of_ten, share_of_training
from parametrization.transfer.expected import expected_interval_octaves
from tuner.evidence.dynamics.cost import dynamics_by_width
from tuner.evidence.flops import FORWARD_AND_BACKWARD
from tuner.evidence.planned import planned_checks, planned_trials
from tuner.evidence.planning.slots import SlotsAtWork, unknown_size, unknown_speed
from tuner.evidence.preview import (
    PlannedInterval,
    PlannedTime,
    PlannedTrials,
    Preview,
    PreviewWords,
)
from tuner.evidence.sizes import Sizes, sizes_of, target_positions, trial_positions
from tuner.spec.axes.cell import Cell
from tuner.spec.states import Purpose
from tuner.spec.study import StudySpec

_HOW: Final = (
    "6 x parameters x the positions that they work on (tokens, patches, pixels of a convolution),"
    " for trials that train to their end: pruned ones cost less, extended grids more. Attention's"
    " own products and the coordinate check are left out."
)


def preview(
    spec: StudySpec,
    shape: ModelShape | None,
    at_work: SlotsAtWork,
) -> Preview:
    """Trials, cost and expected uncertainty of a study.

    Args:
        shape: of its proxies; None if it is not known.
        at_work: slots for its trials; the budget's own price counts before theirs.

    """
    if spec.budget is not None and spec.budget.price_per_hour:
        at_work = at_work._replace(price_per_hour=spec.budget.price_per_hour)
    sizes, target = sizes_of(spec, shape), spec.whole_target
    planned = tuple(_planned(spec, sizes))
    looked, size = {}, None
    if sizes is not None:
        looked = dynamics_by_width(spec, lambda width: sizes(width, spec.family.depth))
        size = _size(sizes, target.width, target.depth)
    flops = math.fsum([*(of.flops for of in planned if of.flops is not None), *looked.values()])
    whole = None if size is None else FORWARD_AND_BACKWARD * size * target_positions(spec, target)
    time = _time(spec, planned, looked, at_work)
    trials, spent = sum(of.trials for of in planned), None if sizes is None else flops
    share = None if whole is None else 100 * flops / whole
    interval = _interval(spec)
    return Preview(
        spec=spec,
        trials=trials,
        planned=planned,
        checks=tuple(planned_checks(spec, sizes)),
        dynamics_flops=math.fsum(looked.values()) or None,
        tuning_flops=spent,
        target_parameters=size,
        target_flops=whole,
        share_percent=share,
        time=time,
        interval=interval,
        how=_HOW,
        notes=tuple(_notes(spec, sizes, size, time, at_work.number)),
        words=_words(
            trials, spent, share, None if time is None else time.seconds, interval.octaves
        ),
    )


def _planned(spec: StudySpec, sizes: Sizes | None) -> Iterator[PlannedTrials]:
    for (purpose, width), trials in planned_trials(spec).items():
        cells: tuple[Cell | None, ...] = spec.cells if purpose is Purpose.AXIS else (None,)
        for cell in cells:
            of_cell = spec.at(cell)
            steps, depth = of_cell.training.steps, of_cell.family.depth
            parameters = None if sizes is None else _size(sizes, width, depth)
            count = trials // len(cells)
            yield PlannedTrials(
                purpose=purpose,
                width=width,
                cell=cell,
                trials=count,
                steps=steps,
                parameters=parameters,
                flops=None
                if parameters is None
                else count * FORWARD_AND_BACKWARD * parameters * trial_positions(of_cell, steps),
            )


def _size(sizes: Sizes, width: int, depth: int) -> int | None:
    try:
        return sizes(width, depth)
    except ValueError:  # a model of the user's own, of which another depth is not known
        return None


def _time(
    spec: StudySpec,
    planned: Sequence[PlannedTrials],
    looked: Mapping[int, float],
    at_work: SlotsAtWork,
) -> PlannedTime | None:
    work: list[tuple[int, float | None]] = [
        *((of.width, of.flops) for of in planned),
        *looked.items(),
    ]
    each = at_work.seconds_each(spec.family.name, work)
    if each is None:
        return None
    slot_seconds = math.fsum(each)
    widths = sorted({speed.width for speed in at_work.of_family(spec.family.name)})
    return PlannedTime(
        slots=at_work.number,
        slot_seconds=slot_seconds,
        seconds=slot_seconds / at_work.number,
        cost=at_work.cost(slot_seconds),
        words=f"as fast as trials of the family {spec.family.name} trained here at the widths"
        f" {', '.join(map(str, widths))}, on {at_work.words}",
    )


def _interval(spec: StudySpec) -> PlannedInterval:
    widths = spec.measure_widths
    seeds = spec.measure.seeds if spec.measure.plan == "grid" else None
    octaves = expected_interval_octaves(widths, spec.target.width, seeds=seeds)
    return PlannedInterval(
        octaves=octaves,
        words=f"as wide as those of usual studies that measured the widths"
        f" {', '.join(map(str, widths))} for the width {spec.target.width}; other axes are carried"
        " by rules, which it does not cover",
    )


def _notes(
    spec: StudySpec, sizes: Sizes | None, size: int | None, time: PlannedTime | None, slots: int
) -> Iterator[str]:
    if sizes is None:
        yield unknown_size(spec)
    elif size is None:
        yield (
            f"the model's size at depth {spec.whole_target.depth} is not known from its tensors:"
            " the target's cost is left out"
        )
    if not slots:
        yield "no slot is at work: start the service's workers, or a trainer of your own"
    elif time is None and sizes is not None:
        yield unknown_speed(spec)
    if spec.budget is not None:
        counted = spec.budget.flops_percent is not None or time is not None
        yield (
            f"{spec.budget.words}: its measurement ends where it is spent"
            + ("" if counted else ", and nothing could be planned by it before")
        )
    if not spec.whole_target.tokens_given:
        yield (
            "the target's tokens are not given: its cost is that of training it as long as the"
            " proxies"
        )


def _words(
    trials: int, flops: float | None, share: float | None, seconds: float | None, octaves: float
) -> PreviewWords:
    """Words of a preview; "not known" for each None.

    Args:
        flops: of all trials.
        share: percent of training the target.
        seconds: on all slots.
        octaves: between the ends of the 90 % interval.

    """
    return PreviewWords(
        trials=f"{trials:,} {'trial' if trials == 1 else 'trials'}",
        flops="FLOPs not known" if flops is None else f"{powers_of_ten(flops)} FLOPs",
        share="not known" if share is None else share_of_training(share),
        time="not known" if seconds is None else plan_duration(seconds),
        interval=f"{octaves:.2g} octaves",
    )
