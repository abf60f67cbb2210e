"""Work and cost, before it starts, of a study that stops after its coordinate check."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from parametrization.shapes.roles import ModelShape
from parametrization.text.durations import plan_duration
from tuner.evidence.planned import PlannedCheck, planned_checks
from tuner.evidence.preview import (
    MeasuredSpeed,
    PlannedTime,
    Preview,
    PreviewWords,
    nearest,
)
from tuner.evidence.sizes import sizes_of
from tuner.spec.budget import SECONDS_OF_HOUR
from tuner.spec.study import StudySpec

_HOW: Final = (
    "6 x parameters x the positions that they work on (tokens, patches, pixels of a convolution),"
    " of the check's updates. What it looks at before and after them, and attention's own products,"
    " are left out."
)
_NO_TARGET: Final = "nothing is searched"


def check_preview(
    spec: StudySpec,
    shape: ModelShape | None,
    *,
    speeds: Sequence[MeasuredSpeed] = (),
    slots: int = 0,
    price_per_hour: float | None = None,
) -> Preview:
    """Work and cost of a study that stops after its coordinate check.

    Args:
        shape: of its models; None if it is not known.
        speeds: of trials of other studies; those of the same family and nearest width are used.
        slots: number of slots that its check could use.
        price_per_hour: of a slot; None if it has no price.

    """
    checks = tuple(planned_checks(spec, sizes_of(spec, shape)))
    known = [one.flops for one in checks if one.flops is not None]
    flops = math.fsum(known) if len(known) == len(checks) else None
    time = _time(spec, checks, speeds, slots)
    if time is not None and price_per_hour:
        cost = time.slot_seconds / SECONDS_OF_HOUR * price_per_hour
        time = time.model_copy(update={"cost": cost})
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
        notes=tuple(_notes(spec, flops, slots, has_time=time is not None)),
        words=PreviewWords(
            trials=f"no trials, {len(checks)} check {'run' if len(checks) == 1 else 'runs'}",
            flops="FLOPs not known" if flops is None else f"{flops:.2g} FLOPs",
            share=_NO_TARGET,
            time="not known" if time is None else plan_duration(time.seconds),
            interval=_NO_TARGET,
        ),
    )


def _time(
    spec: StudySpec, checks: Sequence[PlannedCheck], speeds: Sequence[MeasuredSpeed], slots: int
) -> PlannedTime | None:
    own = [speed for speed in speeds if speed.family == spec.family.name]
    if not own or not slots or any(one.flops is None for one in checks):
        return None
    each = [
        one.flops / nearest(own, one.width).flops_per_second
        for one in checks
        if one.flops is not None
    ]
    return PlannedTime(
        slots=slots,
        slot_seconds=math.fsum(each),
        seconds=max(math.fsum(each) / slots, max(each)),
        words=f"as fast as trials of the family {spec.family.name} trained here, on {slots}"
        f" {'slot' if slots == 1 else 'slots'}; what is looked at beside the updates takes longer",
    )


def _notes(spec: StudySpec, flops: float | None, slots: int, *, has_time: bool) -> Iterator[str]:
    yield "stop_after: check ends the study with its coordinate check: nothing is searched"
    if spec.family.is_external:
        yield "its statistics are taken by your own trainer, and posted"
        return
    if flops is None:
        yield (
            f"how many parameters a model of the family {spec.family.name} has is known once a"
            " study of it has been described: costs follow then"
        )
    if not slots:
        yield "no slot is at work: start the service's workers"
    elif not has_time and flops is not None:
        yield (
            f"no trial of the family {spec.family.name} has trained here yet: how long it takes is"
            " not known"
        )
