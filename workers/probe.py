"""How trials of one shape train fastest here: measured once on a few steps."""

import gc
import hashlib
import logging
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import torch

from tuner.engine import SOLO, Packing, ProbeOrder
from workers.cohort.cohort import Cohort
from workers.cohort.graphs import WARM_UP_STEPS
from workers.cohort.programs import Programs
from workers.gpu_memory import peak_bytes, start_measuring, usable_bytes
from workers.memory import is_out_of_memory, naming_what_is_too_large
from workers.packing import trains_alone, words
from workers.trainer import take_step
from workers.trial import RunningTrial, new_trial

log = logging.getLogger(__name__)

MOST_TOGETHER: Final = {"cpu": 32, "cuda": 256}
"""Beyond, nothing is gained: dispatch is paid for, and the caches are full."""
WORTH_IT: Final = 1.15
"""Gain at which trials train together: a smaller one may be the probe's own noise."""
SHORT_SECONDS: Final = 2.0
"""Trials that take less than this in all are not worth the tracing."""
COMPILE_SECONDS: Final = 60.0
"""What compiling a shape may take, on a busy machine."""
ROUNDS: Final = 5
"""Every way in turns, so that all meet the machine equally busy. A trial has 8 steps or more."""
SOLO_STEPS: Final = 4  # timed together, being short
SLOW_SECONDS: Final = 1.0
"""Longest step of a cohort that is tried: beyond, arithmetic and memory count, not dispatch."""
MEMORY_SHARE: Final = 0.8
"""Of a slot's part of a GPU, for one cohort at its peak."""

Step = Callable[[], object]


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
    if trains_alone(order.trial):
        return SOLO.model_copy(update={"device": torch.device(device).type})
    most = min(order.trials, MOST_TOGETHER[torch.device(device).type])

    def build() -> RunningTrial:
        return new_trial(order.trial, device)

    with naming_what_is_too_large(words(order.trial)):
        solo = solo_seconds(build())
        left = order.trials * order.trial.training.steps * solo
        most = min(most, int(SLOW_SECONDS / solo))
        if most < 2 or left < SHORT_SECONDS:
            return SOLO.model_copy(update={"device": torch.device(device).type})
        path = folder / "probes" / f"{_fingerprint(order, most, device)}.json"
        if path.exists():
            return Packing.model_validate_json(path.read_text())
        packing = _measured_or_solo(build, most, left, programs, words(order.trial))
    _remember(path, packing)
    return packing


def solo_seconds(trial: RunningTrial) -> float:
    """One step of the trial by itself."""
    return _seconds([_repeated(trial)], trial.device)[0] / SOLO_STEPS


def _measured_or_solo(
    build: Callable[[], RunningTrial], most: int, left_seconds: float, programs: Programs, what: str
) -> Packing:
    """What was measured; alone, if a model or an optimizer cannot be mapped over trials."""
    try:
        return measured_packing(build, most, left_seconds, programs)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        log.warning("trials like %s cannot train together", what, exc_info=True)
        return SOLO.model_copy(update={"speedup": 0.0, "device": build().device.type})


def measured_packing(
    build: Callable[[], RunningTrial], most: int, left_seconds: float, programs: Programs
) -> Packing:
    """What trains trials like the built ones fastest.

    Args:
        most: how many to try together at most, at least 2.
        left_seconds: what all of them take one after another: whether a compiler pays.

    """
    fused = _of_cohorts(build, most, programs)
    if fused.way == "solo" or left_seconds / fused.speedup < 4 * COMPILE_SECONDS:
        return fused
    cohorts = [_opened(build, fused.most, programs, compiled=way) for way in (False, True)]
    traced, compiled = _seconds(cohorts, build().device)
    if traced < WORTH_IT * compiled:
        return fused
    speedup = fused.speedup * traced / compiled
    return fused.model_copy(update={"way": "compiled", "speedup": speedup})


def _of_cohorts(build: Callable[[], RunningTrial], most: int, programs: Programs) -> Packing:
    """Solo against a small and a large cohort."""
    lone = build()
    while True:
        sizes = sorted({max(2, most // 4), most})
        if lone.device.type != "cpu":
            start_measuring(lone.device)
        try:
            cohorts = [_opened(build, size, programs) for size in sizes]
            solo, *seconds = _seconds([_repeated(lone), *cohorts], lone.device)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or most == 2:
                raise
        else:
            break
        most //= 2
        gc.collect()
        log.warning("out of memory: probing %s trials together instead", most)
    points = list(zip(sizes, seconds, strict=True))
    packing = choose(solo / SOLO_STEPS, points, lone.device.type)
    return packing.model_copy(update={"most": min(packing.most, _fitting(most, lone.device))})


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
    build: Callable[[], RunningTrial], trials: int, programs: Programs, *, compiled: bool = False
) -> Step:
    cohort = Cohort([build() for _ in range(trials)], programs, compiled=compiled)
    return lambda: cohort.advance(1)


def _seconds(ways: Sequence[Step], device: torch.device) -> list[float]:
    """Median seconds of each once it runs as it will; on a CPU, of this process alone."""
    on_cpu = device.type == "cpu"
    taken: list[list[float]] = [[] for _ in ways]
    for way in ways:
        for _ in range(1 if on_cpu else WARM_UP_STEPS + 1):  # a GPU's graph is recorded last
            way()
    for _ in range(ROUNDS):
        for way, seconds in zip(ways, taken, strict=True):
            started = time.process_time() if on_cpu else _settled(device)
            way()
            seconds.append((time.process_time() if on_cpu else _settled(device)) - started)
    return [statistics.median(seconds) for seconds in taken]


def _settled(device: torch.device) -> float:
    """The time once the GPU has done what it was given."""
    torch.cuda.synchronize(device)
    return time.perf_counter()


def _fitting(trials: int, device: torch.device) -> int:
    """How many trials fit, going by the peak that so many took."""
    if device.type == "cpu":
        return trials
    most = MEMORY_SHARE * usable_bytes(device) / peak_bytes(device)
    return max(1, min(trials, int(trials * most)))


def _fingerprint(order: ProbeOrder, most: int, device: str) -> str:
    """Of everything that the answer depends on: shape, machine, software."""
    model = order.trial.model
    on_cpu = torch.device(device).type == "cpu"
    parts = (
        model.family.model_dump_json(),
        model.width,
        order.trial.optimizer,
        order.trial.training.batch_size,
        order.trial.training.precision,
        most,
        platform.node() if on_cpu else torch.cuda.get_device_name(device),
        platform.machine(),
        torch.backends.cpu.get_cpu_capability(),
        torch.__version__,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _remember(path: Path, packing: Packing) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(packing.model_dump_json())
    unfinished.replace(path)
