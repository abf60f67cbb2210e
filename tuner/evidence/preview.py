"""Trials, cost and expected uncertainty of a study, computed before it starts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from parametrization.shapes.roles import ModelShape
from parametrization.text.durations import plan_duration
from parametrization.text.rounding import percent
from parametrization.transfer.expected import expected_interval_octaves
from tuner.evidence.dynamics.cost import dynamics_by_width
from tuner.evidence.flops import FORWARD_AND_BACKWARD
from tuner.evidence.planned import PlannedCheck, planned_checks, planned_trials
from tuner.evidence.sizes import Sizes, sizes_of, target_positions, trial_positions
from tuner.spec.axes.cell import Cell
from tuner.spec.budget import SECONDS_OF_HOUR
from tuner.spec.record import Record
from tuner.spec.states import Purpose
from tuner.spec.study import StudySpec

_HOW: Final = (
    "6 x parameters x the positions that they work on (tokens, patches, pixels of a convolution),"
    " for trials that train to their end: pruned ones cost less, extended grids more. Attention's"
    " own products and the coordinate check are left out."
)


class PlannedTrials(Record):
    """Trials of one purpose at one width."""

    purpose: Purpose
    width: int
    cell: Cell | None = None
    """Depth, batch and duration; null if they are the study's own."""
    trials: int
    steps: int
    """Updates of each trial."""
    parameters: int | None
    """Parameters of its model; null where that is not known before one is built."""
    flops: float | None
    """Of all these trials."""


class MeasuredSpeed(Record):
    """Speed at which trials of a width have trained on this service."""

    family: str
    width: int
    flops_per_second: float
    """Of one slot."""


class PlannedTime(Record):
    """Time that a study would take on slots of known speed."""

    slots: int
    slot_seconds: float
    """Of all trials."""
    seconds: float
    """On all slots at once, if nothing else runs on them: batches that wait for each other take
    longer."""
    cost: float | None = None
    """Of all trials' slot hours; null where an hour has no price."""
    words: str
    """The measured speeds that the estimate rests on."""


class PlannedInterval(Record):
    """Expected uncertainty of the learning rate at the target's width."""

    octaves: float
    """Between the ends of the 90 % interval."""
    words: str


class PreviewWords(Record):
    """The preview's figures as text."""

    trials: str
    flops: str
    """Of all trials."""
    share: str
    """Of the trials in training the target once."""
    time: str
    """On all slots at once."""
    interval: str


class Preview(Record):
    """Trials, cost and expected uncertainty of a study; nothing is stored."""

    spec: StudySpec
    """With every default filled in, as it would be stored."""
    trials: int
    planned: tuple[PlannedTrials, ...]
    checks: tuple[PlannedCheck, ...]
    """The coordinate check, by optimizer and width."""
    dynamics_flops: float | None = None
    """Of measuring the winners' dynamics; null if the study asks for none, or sizes are unknown."""
    tuning_flops: float | None
    """Of all trials and the dynamics, or of the check where nothing else runs; null where the
    model's size is not known."""
    target_parameters: int | None
    target_flops: float | None
    """Of one training of the target."""
    share_percent: float | None
    """`tuning_flops` in percent of `target_flops`."""
    time: PlannedTime | None
    """Null if no trial of the family has trained here yet, or there are no slots."""
    interval: PlannedInterval | None
    """Null where nothing is searched."""
    how: str
    """The formula of the FLOPs, and what they leave out."""
    notes: tuple[str, ...]
    """Figures that are missing, each with the reason."""
    abstains: tuple[str, ...] = ()
    """Reasons that the answer for the target will abstain, whatever the trials show."""
    words: PreviewWords


def preview(
    spec: StudySpec,
    shape: ModelShape | None,
    *,
    speeds: Sequence[MeasuredSpeed] = (),
    slots: int = 0,
    price_per_hour: float | None = None,
) -> Preview:
    """Trials, cost and expected uncertainty of a study.

    Args:
        shape: of its proxies; None if it is not known.
        speeds: of trials of other studies; those of the same family and nearest width are used.
        slots: number of slots that its trials could use.
        price_per_hour: of a slot; None if it has no price. The budget's own price counts first.

    """
    sizes, target = sizes_of(spec, shape), spec.whole_target
    planned = tuple(_planned(spec, sizes))
    looked, size = {}, None
    if sizes is not None:
        looked = dynamics_by_width(spec, lambda width: sizes(width, spec.family.depth))
        size = _size(sizes, target.width, target.depth)
    flops = math.fsum([*(of.flops for of in planned if of.flops is not None), *looked.values()])
    whole = None if size is None else FORWARD_AND_BACKWARD * size * target_positions(spec, target)
    time = _time(spec, planned, looked, speeds, slots)
    price = (spec.budget and spec.budget.price_per_hour) or price_per_hour
    if time is not None and price:
        hours = time.slot_seconds / SECONDS_OF_HOUR
        time = time.model_copy(update={"cost": hours * price})
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
        notes=tuple(_notes(spec, sizes, size, time, slots)),
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
    speeds: Sequence[MeasuredSpeed],
    slots: int,
) -> PlannedTime | None:
    own = [speed for speed in speeds if speed.family == spec.family.name]
    if not own or not slots or any(of.flops is None for of in planned):
        return None
    work = [(of.width, of.flops) for of in planned if of.flops is not None]
    slot_seconds = math.fsum(
        flops / nearest(own, width).flops_per_second for width, flops in [*work, *looked.items()]
    )
    widths = ", ".join(str(width) for width in sorted({speed.width for speed in own}))
    return PlannedTime(
        slots=slots,
        slot_seconds=slot_seconds,
        seconds=slot_seconds / slots,
        words=f"as fast as trials of the family {spec.family.name} trained here at the widths"
        f" {widths}, on {slots} {'slot' if slots == 1 else 'slots'}",
    )


def nearest(speeds: Sequence[MeasuredSpeed], width: int) -> MeasuredSpeed:
    """The speed at the width that is fewest doublings away.

    Args:
        speeds: at least one.

    """
    return min(speeds, key=lambda speed: abs(math.log2(speed.width / width)))


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
        yield (
            f"how many parameters a model of the family {spec.family.name} has is known once a"
            " study of it has been described: costs follow then"
        )
    elif size is None:
        yield (
            f"the model's size at depth {spec.whole_target.depth} is not known from its tensors:"
            " the target's cost is left out"
        )
    if not slots:
        yield "no slot is at work: start the service's workers, or a trainer of your own"
    elif time is None and sizes is not None:
        yield (
            f"no trial of the family {spec.family.name} has trained here yet: how long it takes is"
            " not known"
        )
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
        flops="FLOPs not known" if flops is None else f"{flops:.2g} FLOPs",
        share="not known" if share is None else f"{percent(share)} of training the target",
        time="not known" if seconds is None else plan_duration(seconds),
        interval=f"{octaves:.2g} octaves",
    )
