"""Work and cost, before it starts, of a study that stops after its coordinate check."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from parametrization.shapes.roles import ModelShape
from parametrization.text.durations import plan_duration
from parametrization.text.rounding import powers_of_ten
from tuner.evidence.planned import PlannedCheck, planned_checks
from tuner.evidence.planning.slots import SlotsAtWork, unknown_size, unknown_speed
from tuner.evidence.preview import PlannedTime, Preview, PreviewWords
from tuner.evidence.sizes import sizes_of
from tuner.spec.study import StudySpec

_HOW: Final = (
    "6 x parameters x the positions that they work on (tokens, patches, pixels of a convolution),"
    " of the check's updates. Its measurements before and after them, and attention's own products,"
    " are left out."
)
_NO_TARGET: Final = "nothing is searched"


def check_preview(spec: StudySpec, shape: ModelShape | None, at_work: SlotsAtWork) -> Preview:
    """Work and cost of a study that stops after its coordinate check.

    Args:
        shape: of its models; None if it is not known.
        at_work: slots for its check.

    """
    checks = tuple(planned_checks(spec, sizes_of(spec, shape)))
    known = [one.flops for one in checks if one.flops is not None]
    flops = math.fsum(known) if len(known) == len(checks) else None
    time = _time(spec, checks, at_work)
    return Preview(
        spec=spec,
        trials=0,
        planned=(),
        checks=checks,
        tuning_flops=flops,
        target_parameters=None,
        target_flops=None,
        share_percent=None,
        time=time,
        interval=None,
        how=_HOW,
        notes=tuple(_notes(spec, flops, at_work.number, has_time=time is not None)),
        words=PreviewWords(
            trials=f"no trials, {len(checks)} check {'run' if len(checks) == 1 else 'runs'}",
            flops="FLOPs not known" if flops is None else f"{powers_of_ten(flops)} FLOPs",
            share=_NO_TARGET,
            time="not known" if time is None else plan_duration(time.seconds),
            interval=_NO_TARGET,
        ),
    )


def _time(
    spec: StudySpec, checks: Sequence[PlannedCheck], at_work: SlotsAtWork
) -> PlannedTime | None:
    each = at_work.seconds_each(spec.family.name, [(one.width, one.flops) for one in checks])
    if each is None:
        return None
    slot_seconds = math.fsum(each)
    return PlannedTime(
        slots=at_work.number,
        slot_seconds=slot_seconds,
        seconds=max(slot_seconds / at_work.number, max(each)),
        cost=at_work.cost(slot_seconds),
        words=f"as fast as trials of the family {spec.family.name} trained here, on"
        f" {at_work.words}; measurements before and after the updates are not counted",
    )


def _notes(spec: StudySpec, flops: float | None, slots: int, *, has_time: bool) -> Iterator[str]:
    yield "stop_after: check ends the study with its coordinate check: nothing is searched"
    if spec.family.is_external:
        yield "its statistics are taken by your own trainer, and posted"
        return
    if flops is None:
        yield unknown_size(spec)
    if not slots:
        yield "no slot is at work: start the service's workers"
    elif not has_time and flops is not None:
        yield unknown_speed(spec)
