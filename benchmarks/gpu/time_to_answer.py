"""Section 6: how long the service takes to an answer, its coordinator and workers as they are."""

import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.gpu.section import Section, run
from tuner.coordinator.reconcile import tick
from tuner.spec.states import FINAL_STUDY_STATES
from tuner.spec.study import StudySpec
from tuner.storage.sql.connections import sqlite_url
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.migration import migrate
from tuner.storage.studies import get_study, open_study
from tuner.storage.trials.rows import trials_of
from workers.engines.local import LocalEngine

STUDY: Final[dict[str, Any]] = {
    "family": {"name": "gpt", "depth": 2, "context": 64},
    "target": {"width": 1_024},
    "proxy_width": 128,
    "check": {"widths": [64, 128, 256, 512]},
    "training": {"steps": 500, "batch_size": 16, "precision": "bf16"},
    "search": {"trials": 32, "batch_size": 32},
    "measure": {"widths": [128, 256, 512]},
}
_TINY: Final[dict[str, Any]] = {
    "family": {"name": "mlp", "depth": 2},
    "target": {"width": 256},
    "proxy_width": 16,
    "check": {"widths": [16, 32, 64]},
    "training": {"steps": 8, "batch_size": 8},
    "search": {"trials": 4, "batch_size": 4},
    "measure": {"widths": [16, 32, 64]},
}


def measure(section: Section) -> None:
    """One study from its submission to its end, with the seconds of each state on the way."""
    asked = _TINY if section.rehearsed else STUDY
    with section.trying(what="study", spec=asked) as row, tempfile.TemporaryDirectory() as folder:
        url = sqlite_url(Path(folder) / "session.db")
        migrate(url)
        database = open_database(url)
        engine = LocalEngine(
            2 if section.rehearsed else 1, Path(folder), gpus=0 if section.rehearsed else 1
        )
        try:
            row |= _studied(section, database, engine, StudySpec.model_validate(asked))
        finally:
            engine.close()
            database.close()


def _studied(
    section: Section, database: Database, engine: LocalEngine, spec: StudySpec
) -> dict[str, Any]:
    with database.write() as session:
        study, _ = open_study(session, spec)
    started, entered = time.monotonic(), dict[str, float]()
    ended = False
    while not ended and section.seconds_left > 1:
        tick(database, engine, wait_seconds=0.25)
        with database.read() as session:
            stored = get_study(session, study.id)
        entered.setdefault(str(stored.state), round(time.monotonic() - started, 1))
        ended = stored.state in FINAL_STUDY_STATES
    with database.read() as session:
        packings = get_study(session, study.id).packings or {}
        states = [str(trial.state) for trial in trials_of(session, study.id)]
    return {
        "ended": ended,
        "seconds": round(time.monotonic() - started, 1),
        "entered_after_seconds": entered,
        "trials": {state: states.count(state) for state in sorted(set(states))},
        "packings": {key: packing.words for key, packing in packings.items()},
    }


if __name__ == "__main__":
    run(measure)
