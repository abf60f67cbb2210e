"""Section 3: trial-steps a second of four shapes, alone in three ways and in cohorts in three."""

from collections.abc import Callable
from contextlib import closing
from typing import Final

import torch

from benchmarks.gpu.section import Section, run
from benchmarks.throughput.launches import WORKLOADS
from benchmarks.throughput.workloads import Workload, eager_loop, trial
from tuner.spec.families.mlp import Mlp
from workers.cohort.cohort import Cohort
from workers.cohort.graphs import WARM_UP_STEPS
from workers.cohort.programs import Programs
from workers.device.gpu_memory import give_back
from workers.training.trial import RunningTrial

SIZES: Final = {
    "mlp-w128-b128": (256, 64, 16, 1),
    "gpt-w128-l2-t64-b16": (64, 256, 16, 1),
    "gpt-w128-l4-t128-b16": (64, 16, 1),
    "gpt-w256-l8-t1024-b8": (8, 16, 1),
}
"""Trials of a cohort, the size of the goal first."""
ALONE: Final = {"eager": None, "compiled": "default", "compiled_graph": "reduce-overhead"}
COHORTS: Final = {
    "graph": {"compiled": False, "compiled_update": False},
    "update_compiled": {"compiled": False, "compiled_update": True},
    "all_compiled": {"compiled": True, "compiled_update": True},
}
_TINY: Final = {"tiny": Workload(Mlp(name="mlp", depth=2), 16, 8)}
_STEPS: Final = 20


def measure(section: Section) -> None:
    """Every shape eagerly and at its goal first; what takes a compiler's time last."""
    workloads = _TINY if section.rehearsed else WORKLOADS
    plan = [
        (name, way, size)
        for cheap in (True, False)
        for rank in range(4)
        for name in workloads
        for way, size in _ways(name, rank, cheap=cheap, rehearsed=section.rehearsed)
    ]
    for name, way, size in plan:
        if section.seconds_left < (5 if section.rehearsed else 12):
            break
        with section.trying(workload=name, way=way, trials=size) as row:
            workload, device = workloads[name], str(section.device)
            if way in ALONE:
                seconds = _alone(section, workload, device, ALONE[way])
            else:
                seconds = _together(section, workload, device, size, COHORTS[way])
            row["trial_steps_a_second"] = size / seconds
            if section.device.type == "cuda":
                row["peak_bytes"] = torch.cuda.max_memory_allocated()
                torch.cuda.reset_peak_memory_stats()
        give_back(section.device)


def _ways(name: str, rank: int, *, cheap: bool, rehearsed: bool) -> list[tuple[str, int]]:
    """Ways and their numbers of trials at a shape's `rank`-th size; alone at the first."""
    sizes = (2,) if rehearsed else SIZES[name]
    if rank >= len(sizes):
        return []
    alone = [] if rank else (["eager"] if cheap else ["compiled_graph", "compiled"])
    cohorts = ["graph"] if cheap else ["update_compiled", "all_compiled"]
    if rehearsed and not cheap:
        return []
    return [*((way, 1) for way in alone), *((way, sizes[rank]) for way in cohorts)]


def _alone(section: Section, workload: Workload, device: str, mode: str | None) -> float:
    with _autocast(workload, device):
        step = eager_loop(_trial(workload, device), mode)
        return section.seconds_of(step, calls=2 * _STEPS)


def _together(
    section: Section, workload: Workload, device: str, size: int, ways: dict[str, bool]
) -> float:
    members = [_trial(workload, device, number) for number in range(size)]
    with closing(Cohort(members, Programs(), **ways)) as cohort:
        cohort.advance(WARM_UP_STEPS + 1)
        steps = 1 if section.rehearsed else _STEPS
        return section.seconds_of(lambda: cohort.advance(steps), calls=3) / steps


def _trial(workload: Workload, device: str, number: int = 0) -> RunningTrial:
    made = trial(workload, device, number=number)
    if workload.autocast is not None:
        training = made.spec.training.model_copy(update={"precision": "bf16"})
        made.spec = made.spec.model_copy(update={"training": training})
    return made


def _autocast(workload: Workload, device: str) -> torch.autocast:
    kind: Callable[..., torch.autocast] = torch.autocast
    wanted = workload.autocast is not None
    return kind(torch.device(device).type, torch.bfloat16, enabled=wanted)


if __name__ == "__main__":
    run(measure)
