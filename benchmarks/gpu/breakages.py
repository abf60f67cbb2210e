"""Section 2: what breaks. Every optimizer, family and option in a cohort, against trials alone."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from copy import deepcopy
from typing import Final

import torch

from benchmarks.gpu.section import Row, Section, run
from benchmarks.gpu.trials import FAMILIES, GPT, OPTIONS, distance, specs
from parametrization.optimizers.registry import STUDIED
from tuner.engine.orders import TrialSpec
from tuner.engine.packing import Packing
from workers.cohort.cohort import Cohort
from workers.cohort.graphs import Recording
from workers.cohort.programs import Programs
from workers.cohort.tensor_updates import trains_in_cohorts
from workers.device.gpu_memory import give_back, limit_gpu_memory
from workers.packing.train_together import train_packed, trains_alone
from workers.training.trainer import train_to
from workers.training.trial import new_trial, restored_trial

STEPS: Final = 12
REOPENINGS: Final = 5


def measure(section: Section) -> None:
    """The project's tests of GPUs, then one cohort of everything."""
    device, few = str(section.device), section.rehearsed
    with section.trying(what="pytest -m gpu") as row:
        collect = ["--collect-only"] if few else []
        places = "tests/workers/device" if few else "tests/workers"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-m",
            "gpu",
            "--confcutdir=tests/workers",
            places,
            *collect,
        ]
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=section.seconds_left / 2, check=False
        )
        row |= {"status": ran.returncode, "last_lines": ran.stdout.splitlines()[-12:]}
    cohorted = [name for name in sorted(STUDIED) if trains_in_cohorts(name)]
    cases: list[tuple[str, Sequence[TrialSpec]]] = [
        *((f"optimizer {name}", specs(GPT, name)) for name in cohorted),
        *((f"family {one.name}", specs(one)) for one in FAMILIES),
        *((f"option {number}", specs(one)) for number, one in enumerate(OPTIONS)),
        ("bf16", specs(GPT, precision="bf16")),
        ("mixed seeds", specs(GPT, one_seed=False)),
    ]
    if few:
        cases = [cases[0], cases[-2], cases[-1]]
    for what, trials in cases:
        if section.seconds_left < 5:
            break
        if trains_alone(trials[0]):
            continue
        with section.trying(what=what) as row:
            _cohort(row, trials, device)
    with section.trying(what="restored trials together") as row:
        _restored(row, device)
    with section.trying(what="a trial of NaN") as row:
        _diverging(row, device)
    if section.device.type == "cuda":
        with section.trying(what="halving at a small share of the memory") as row:
            _halving(row, device)


def _cohort(row: Row, trials: Sequence[TrialSpec], device: str) -> None:
    """Distance to the trials alone, whether a graph was recorded, and what reopening leaves."""
    programs, reserved = Programs(), list[int]()
    lone = [new_trial(spec, device) for spec in trials]
    for trial in lone:
        train_to(trial, STEPS)
    for _ in range(1 if device == "cpu" else REOPENINGS):
        with closing(Cohort([new_trial(spec, device) for spec in trials], programs)) as cohort:
            cohort.advance(STEPS)
            recorded = [
                isinstance(one.step._replay, Recording)
                for one in cohort._step_of_all._graphs.values()
            ]
            found = [trial.train_losses for trial in cohort.trials]
        del cohort
        give_back(torch.device(device))
        if device != "cpu":
            reserved.append(torch.cuda.memory_reserved())
    row["distance"] = max(distance(a, b.train_losses) for a, b in zip(found, lone, strict=True))
    row["recorded"], row["reserved_bytes"] = recorded, reserved


def _restored(row: Row, device: str) -> None:
    for optimizer in ("adamw", "muon_spectral", "soap"):
        spec = specs(GPT, optimizer)[0]
        lone = new_trial(spec, device)
        train_to(lone, STEPS)
        state = deepcopy(lone.state())  # it holds the tensors that train on
        train_to(lone, 2 * STEPS)
        pair = [restored_trial(spec, state, device) for _ in range(2)]
        with closing(Cohort(pair, Programs())) as cohort:
            cohort.advance(STEPS)
        row[optimizer] = distance(pair[0].train_losses, lone.train_losses)
        row["distance"] = max(row.get("distance", 0.0), row[optimizer])


def _diverging(row: Row, device: str) -> None:
    trials = [new_trial(spec, device) for spec in specs(GPT, trials=3)]
    with torch.no_grad():
        next(trials[0].model.parameters()).fill_(float("nan"))
    with closing(Cohort(trials, Programs())) as cohort:
        cohort.advance(STEPS)
        row["diverged"] = [one.diverged_at for one in cohort.advances]


def _halving(row: Row, device: str) -> None:
    """Train a cohort too large for the memory: it goes on in halves, and no trial fails."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    limit_gpu_memory("cuda:0", 700e6 / total)
    try:
        family = GPT.model_copy(update={"depth": 4, "context": 128, "head_size": 32})
        trials = [
            new_trial(spec, device) for spec in specs(family, trials=32, width=128, batch_size=16)
        ]
        packing = Packing(way="fused", least=2, most=32, speedup=2.0, device="cuda")
        row["steps"] = [trial.step for trial, _ in train_packed(trials, 6, packing, Programs())]
    finally:
        limit_gpu_memory("cuda:0", 1.0)


if __name__ == "__main__":
    run(measure)
