"""Measure on a few steps how trials of one shape train fastest here."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import torch

from tuner.engine.orders import ProbeOrder
from tuner.engine.packing import SOLO, Packing
from tuner.spec.families.own_task import OwnTask
from workers.cohort.cohort import Cohort
from workers.cohort.programs import Programs
from workers.device.dead_context import is_dead_context
from workers.device.gpu_memory import give_back, peak_bytes, start_measuring, usable_bytes
from workers.device.out_of_memory import is_out_of_memory, naming_what_is_too_large
from workers.packing.agreement import require_agreement as require_agreement
from workers.packing.stored_probes import Probed, memory_of, recall, remember
from workers.packing.timing import Step, now, operations_of, seconds_of
from workers.packing.train_together import trains_alone, words
from workers.training.trainer import take_step
from workers.training.trial import RunningTrial, new_trial

log = logging.getLogger(__name__)

MOST_TOGETHER: Final = {"cpu": 32, "cuda": 256}
"""Beyond, nothing is gained: dispatch is paid for, and the caches are full."""
WORTH_IT: Final = 1.15
"""Gain at which trials train together: a smaller one may be the probe's own noise."""
SHORT_SECONDS: Final = 5.0
"""Trials that take less than this in all are not worth the tracing."""
TRACINGS: Final = 10
"""The saving of trials together has to be worth so many tracings of a cohort: every slot makes
its own, for every number of trials that an order happens to have."""
OPERATION_SECONDS: Final = 130e-6
"""Of a lone step's operations on a CPU, on average: where they take longer, arithmetic is what
takes time, and a cohort saves none of it."""
COMPILE_SECONDS: Final = 60.0
"""The longest that compiling a shape takes, on a busy machine."""
SOLO_STEPS: Final = 4  # timed together, being short
LONG_STEP_SECONDS: Final = 0.03
"""Of a lone step: a longer one is known well enough from one."""
SLOW_SECONDS: Final = 1.0
"""Longest step of a cohort that is tried: beyond, arithmetic and memory count, not dispatch."""
MEMORY_SHARE: Final = 0.8
"""Of a slot's part of a GPU, for one cohort at its peak."""


class _Point(NamedTuple):
    """Seconds of one step of a cohort."""

    trials: int
    seconds: float

    @property
    def each(self) -> float:
        return self.seconds / self.trials


def probe(order: ProbeOrder, programs: Programs, folder: Path, device: str = "cpu") -> Packing:
    """The packing of the order's shape; measured unless this machine has done so before.

    Args:
        folder: where the machine remembers.

    Raises:
        OutOfMemory: if even one trial alone does not fit.

    """
    kind = torch.device(device).type
    alone = SOLO.model_copy(update={"device": kind})
    if trains_alone(order.trial):
        return alone

    def build() -> RunningTrial:
        return new_trial(order.trial, device)

    most = min(order.trials, MOST_TOGETHER[kind])
    path = memory_of(order, most, device, folder)
    with naming_what_is_too_large(words(order.trial)):
        known = recall(path) or Probed(solo_seconds=solo_seconds(build()))
        most = min(most, int(SLOW_SECONDS / known.solo_seconds))
        left = order.trials * order.trial.training.steps * known.solo_seconds
        if most < 2 or left < SHORT_SECONDS:
            remember(path, known)
            return alone
        packing = known.packing or _measured_or_solo(
            build, most, left, programs, words(order.trial)
        )
    remember(path, Probed(solo_seconds=known.solo_seconds, packing=packing))
    return packing


def solo_seconds(trial: RunningTrial) -> float:
    """One step of the trial by itself; a long one is timed once."""
    once = partial(take_step, trial)
    once()
    started = now(trial.device)
    once()
    seconds = now(trial.device) - started
    if seconds > LONG_STEP_SECONDS:
        return seconds
    return seconds_of([_repeated(trial)], trial.device)[0] / SOLO_STEPS


def _measured_or_solo(
    build: Callable[[], RunningTrial], most: int, left_seconds: float, programs: Programs, what: str
) -> Packing:
    """The measured packing; alone, if a model or an optimizer cannot be mapped over trials."""
    try:
        if isinstance(build().spec.model.family, OwnTask):
            require_agreement(build, programs)
        return measured_packing(build, most, left_seconds, programs)
    except Exception as error:
        if is_out_of_memory(error) or is_dead_context(error):
            raise
        log.warning("trials like %s cannot train together", what, exc_info=True)
        return SOLO.model_copy(update={"speedup": 0.0, "device": build().device.type})


def measured_packing(
    build: Callable[[], RunningTrial], most: int, left_seconds: float, programs: Programs
) -> Packing:
    """The fastest packing for trials like the built ones.

    Args:
        most: how many to try together at most, at least 2.
        left_seconds: what all of them take one after another: whether a compiler pays, and
            whether tracing does.

    """
    fused = _of_cohorts(build, most, left_seconds, programs)
    if fused.way == "solo" or fused.speedup is None:
        return fused
    if left_seconds / fused.speedup < 4 * COMPILE_SECONDS:
        return fused
    device = build().device
    try:
        traced, compiled = (
            _seconds_of_one(build, fused.most, programs, device, compiled=way)
            for way in (False, True)
        )
    except Exception as error:
        if is_dead_context(error):
            raise
        log.warning("the compiled cohort failed: it trains as traced", exc_info=True)
        return fused
    if traced < WORTH_IT * compiled:
        return fused
    speedup = fused.speedup * traced / compiled
    return fused.model_copy(update={"way": "compiled", "speedup": speedup})


def _of_cohorts(
    build: Callable[[], RunningTrial], most: int, left_seconds: float, programs: Programs
) -> Packing:
    """Solo against cohorts of so many trials, or of as many as there is memory for."""
    lone = build()
    solo, device = _repeated(lone), lone.device
    once = partial(take_step, lone)
    if device.type == "cpu" and _seconds_an_operation(once, device) > OPERATION_SECONDS:
        return _alone(device)

    while True:
        try:
            return _against(solo, build, most, left_seconds, programs)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or most == 2:
                raise
        most //= 2
        give_back(device)
        log.warning("out of memory: probing %s trials together instead", most)


def _against(
    solo: Step,
    build: Callable[[], RunningTrial],
    most: int,
    left_seconds: float,
    programs: Programs,
) -> Packing:
    """Solo against a small and a large cohort, as far as it takes to tell."""
    sizes, device = sorted({max(2, most // 4), most}), build().device
    with ExitStack() as stack:
        small = _opened(build, sizes[0], programs, stack)
        started = now(device)
        small()
        tracing = now(device) - started
        if left_seconds < 2 * TRACINGS * tracing:  # not even twice as fast would they be worth it
            return _alone(device)
        if device.type == "cpu":  # all in turns: it may be busy with other work
            cohorts = [small, *(_opened(build, size, programs, stack) for size in sizes[1:])]
            solo_taken, *seconds = seconds_of([solo, *cohorts], device)
        else:
            solo_taken, seconds = seconds_of([solo], device)[0], seconds_of([small], device)
    if device.type != "cpu":  # one after another: the large one may need all of the memory
        give_back(device)
        start_measuring(device)
        seconds += [_seconds_of_one(build, size, programs, device) for size in sizes[1:]]
    points = list(zip(sizes, seconds, strict=True))
    each = solo_taken / SOLO_STEPS
    packing = choose(each, points, device.type)
    saved_share = 1 - seconds[-1] / sizes[-1] / each
    if packing.way == "fused" and left_seconds * saved_share < TRACINGS * tracing:
        return _alone(device)
    return packing.model_copy(update={"most": min(packing.most, _fitting(most, device))})


def _seconds_of_one(
    build: Callable[[], RunningTrial],
    trials: int,
    programs: Programs,
    device: torch.device,
    *,
    compiled: bool = False,
) -> float:
    """One step of a cohort that nothing else stands beside, closed afterwards."""
    with ExitStack() as stack:
        step = _opened(build, trials, programs, stack, compiled=compiled)
        (seconds,) = seconds_of([step], device)
    give_back(device)
    return seconds


def _seconds_an_operation(step: Step, device: torch.device) -> float:
    operations = operations_of(step)  # warms it up, too
    started = now(device)
    step()
    return (now(device) - started) / operations


def _alone(device: torch.device) -> Packing:
    """One by one, without knowing how fast they would be together: that cannot pay."""
    return SOLO.model_copy(update={"device": device.type})


def choose(solo_seconds: float, cohorts: Sequence[tuple[int, float]], kind: str) -> Packing:
    """The packing that follows from what steps take.

    A cohort's step takes a time for dispatch and a time for every trial: two sizes give both, and
    with them the smallest cohort that is worth it.

    Args:
        solo_seconds: one step of one trial.
        cohorts: trials and seconds of a step, the smaller cohort first; one or two.

    >>> choose(1.0, [(2, 1.8), (8, 3.0)], "cpu").words
    'fused K=8: 2.7x solo here'
    >>> choose(1.0, [(2, 2.4), (8, 9.0)], "cpu").way
    'solo'

    """
    points = [_Point(*pair) for pair in cohorts]
    small, large = points[0], points[-1]
    speedup = solo_seconds / large.each
    if speedup < WORTH_IT:
        return Packing(way="solo", least=2, most=1, speedup=speedup, device=kind)
    least = large.trials
    if len(points) == 2:
        each = (large.seconds - small.seconds) / (large.trials - small.trials)
        dispatch = max(0.0, large.seconds - large.trials * each)
        gained = solo_seconds / WORTH_IT - each
        least = min(large.trials, max(2, int(dispatch / gained) + 1)) if gained > 0 else least
    return Packing(way="fused", least=least, most=large.trials, speedup=speedup, device=kind)


def _repeated(trial: RunningTrial) -> Step:
    def steps() -> None:
        for _ in range(SOLO_STEPS):
            take_step(trial)

    return steps


def _opened(
    build: Callable[[], RunningTrial],
    trials: int,
    programs: Programs,
    stack: ExitStack,
    *,
    compiled: bool = False,
) -> Step:
    """A step of a cohort that is closed with the stack."""
    members = [build() for _ in range(trials)]
    cohort = stack.enter_context(
        closing(Cohort(members, programs, compiled=compiled, compiled_update=True))
    )
    return lambda: cohort.advance(1)


def _fitting(trials: int, device: torch.device) -> int:
    """The number of trials that fit, estimated from the peak memory of a measured number."""
    if device.type == "cpu":
        return trials
    most = MEMORY_SHARE * usable_bytes(device) / peak_bytes(device)
    return max(1, min(trials, int(trials * most)))
