"""Measure how fast a search proposes trials, by how many there are already.

    python -m benchmarks.service_load.proposals --json

`kept` is a search that Optuna has been told of batch by batch, as a coordinator keeps it; `rebuilt`
one that is told of all trials anew for each batch, as after a start. CPU time, with Optuna's own
work in it: the default sampler (TPE) goes through every earlier trial for each new one.
`batch_ratio` is what a rebuilt batch costs over a kept one.
"""

import argparse
import random
import time
from collections.abc import Callable
from typing import Any, Final, Literal

import optuna

from benchmarks.report import command_line, give
from tests.tuner import builders
from tuner.decisions.search import Searches, propose_batch
from tuner.records.snapshot import StudyRecord
from tuner.records.trials import NewTrial, StudyTrials, TrialRecord
from tuner.spec.states import Purpose, StudyState, TrialState

Sampler = Literal["tpe", "random", "qmc", "cmaes"]
BATCH: Final = 8
ROUNDS: Final = 4


def proposal_row(sampler: Sampler, trials: int) -> dict[str, Any]:
    """Proposals per CPU second in a study of so many trials, kept and rebuilt."""
    study = _study(sampler, trials + (ROUNDS + 2) * BATCH)
    stored, kept = _stored(study, trials), Searches()
    _propose(study, stored, kept)  # a coordinator told it of all of these one batch after another
    seconds = {
        "kept": _per_batch(study, stored, ROUNDS, lambda: kept),
        "rebuilt": _per_batch(study, stored, ROUNDS // 2, Searches),
    }
    return {
        "trials": trials,
        "sampler": sampler,
        **{f"{way}_per_cpu_second": round(BATCH / one, 1) for way, one in seconds.items()},
        "batch_ratio": round(seconds["rebuilt"] / seconds["kept"], 2),
    }


def _per_batch(
    study: StudyRecord, stored: StudyTrials, rounds: int, searches: Callable[[], Searches]
) -> float:
    """CPU seconds of a batch, each stored and ended before the next."""
    spent = 0.0
    for _ in range(rounds):
        began = time.process_time()
        batch = _propose(study, stored, searches())
        spent += time.process_time() - began
        for new in batch:
            stored.put(_ended(new, len(stored)))
    return spent / rounds


def _propose(study: StudyRecord, stored: StudyTrials, searches: Searches) -> tuple[NewTrial, ...]:
    (config,) = study.spec.optimizers
    trials = stored.of(Purpose.SEARCH, config.name)
    told = searches.told(study, config, trials)
    return propose_batch(told, trials[-1].batch + 1 if trials else 0)


def _study(sampler: Sampler, trials: int) -> StudyRecord:
    search = {"trials": trials, "batch_size": BATCH, "sampler": sampler, "pruner": "median"}
    decay = {"type": "float", "low": 1e-3, "high": 0.3, "log": True}
    optimizers = [{"name": "adamw", "weight_decay": decay}]
    spec = builders.spec(search=search, optimizers=optimizers)
    return builders.study(StudyState.SEARCHING, spec=spec)


def _stored(study: StudyRecord, trials: int) -> StudyTrials:
    """Trials that have ended, at random points."""
    ways = study.model_copy(
        update={
            "spec": study.spec.model_copy(
                update={"search": study.spec.search.model_copy(update={"sampler": "random"})}
            )
        }
    )
    stored, searches = StudyTrials(), Searches()
    while len(stored) < trials:
        for new in _propose(ways, stored, searches)[: trials - len(stored)]:
            stored.put(_ended(new, len(stored)))
    return stored


def _ended(new: NewTrial, number: int) -> TrialRecord:
    loss = 2 + random.Random(number).random()
    ending = {"state": TrialState.COMPLETE, "value": loss, "validation_loss": None, "step": 200}
    return builders.trial(number, **new.model_dump(), **ending, intermediate_values={200: loss})


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """A row for each sampler and number of trials."""
    return {
        "proposals": [
            proposal_row(sampler, trials) for sampler in given.samplers for trials in given.trials
        ]
    }


def main() -> None:
    """Print the measurements."""
    parser = command_line(__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[500, 2_000, 5_000])
    parser.add_argument("--samplers", nargs="+", default=["tpe", "random"])
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    give(measure(given), given)


if __name__ == "__main__":
    main()
