"""Write a study as an Optuna storage: a file that `optuna.load_study` and optuna-dashboard open.

Optuna's journal format holds several studies: for each optimizer the search, and what was measured
at several widths. (Its SQLite format takes 13 ms a trial to write through Optuna, this one 0.1.)
"""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from tuner.decisions.optuna_trials import TRAINING, as_optuna, distributions_of
from tuner.records.snapshot import StudyRecord
from tuner.records.trials import StudyTrials, TrialRecord
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.phases.searched_training import Drawn
from tuner.spec.states import Purpose

MEASURED: Final = (Purpose.MEASURE, Purpose.CONTROL, Purpose.CONFIRM)
_TOLD: Final = ("purpose", "width", "seed", "batch", "parametrization", "validation_loss")


def optuna_file(study: StudyRecord, trials: StudyTrials) -> str:
    """The study's trials as the lines of an Optuna journal.

    Its studies are called `{study id}/{optimizer}/search` and `.../measure`, and minimise what the
    family's trials are compared by. A diverged trial is pruned there, with its reason.
    """
    journal = _Lines()
    storage = JournalStorage(journal)
    for config in study.spec.optimizers:
        searched = distributions_of(config, study.spec.searched_training(config.name))
        _write(
            storage,
            f"{study.id}/{config.name}/search",
            _about(study, config),
            (_told(trial, searched, {}) for trial in trials.of(Purpose.SEARCH, config.name)),
        )
        measured = [one for purpose in MEASURED for one in trials.of(purpose, config.name)]
        if measured:
            _write(
                storage,
                f"{study.id}/{config.name}/measure",
                _about(study, config),
                _as_measured(measured),
            )
    return journal.text


class _Lines(BaseJournalBackend):
    """A journal in memory, in the form of Optuna's journal files."""

    def __init__(self) -> None:
        self._logs: list[dict[str, Any]] = []

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        yield from self._logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self._logs += logs

    @property
    def text(self) -> str:
        """All lines, each a JSON object."""
        return "".join(f"{json.dumps(log, separators=(',', ':'))}\n" for log in self._logs)


def _about(study: StudyRecord, config: OptimizerConfig) -> dict[str, Any]:
    spec = study.spec
    return {
        "widthwise:study": study.id,
        "name": spec.name,
        "family": spec.family.name,
        "optimizer": config.name,
        "fixed": config.fixed,
        "proxy_width": spec.proxy_width,
        "target_width": spec.target.width,
    }


def _write(
    storage: JournalStorage, name: str, about: Mapping[str, Any], trials: Iterable[FrozenTrial]
) -> None:
    study_id = storage.create_new_study([StudyDirection.MINIMIZE], name)
    for key, value in about.items():
        storage.set_study_user_attr(study_id, key, value)
    for trial in trials:
        storage.create_new_trial(study_id, trial)


def _as_measured(trials: Sequence[TrialRecord]) -> Iterator[FrozenTrial]:
    """Trials with the two numbers that the measurement varies, which no sampler has proposed."""
    rates = [trial.hyperparameters["learning_rate"] for trial in trials]
    space: dict[str, BaseDistribution] = {
        "learning_rate": FloatDistribution(min(rates), max(rates), log=True),
        "width": CategoricalDistribution(sorted({trial.width for trial in trials})),
    }
    for trial in trials:
        drawn = {"learning_rate": trial.hyperparameters["learning_rate"], "width": trial.width}
        bare = trial.model_copy(update={"params": drawn, "system_attrs": {}})
        yield _told(bare, space, {**trial.hyperparameters, **_named(trial.training)})


def _named(drawn: Drawn | None) -> Drawn:
    """Optuna's name for it."""
    return {TRAINING + name: value for name, value in (drawn or {}).items()}


def _told(trial: TrialRecord, space: dict[str, BaseDistribution], beside: Drawn) -> FrozenTrial:
    frozen = as_optuna(trial, space)
    known = trial.model_dump(mode="json", include=set(_TOLD))
    frozen.user_attrs |= known | {"widthwise:number": trial.number} | dict(beside)
    if trial.message:
        frozen.user_attrs["message"] = trial.message
    frozen.datetime_start = _local(trial.started_at or trial.created_at)
    frozen.datetime_complete = None
    if frozen.state.is_finished():
        frozen.datetime_complete = _local(trial.finished_at or trial.created_at)
    return frozen


def _local(moment: dt.datetime) -> dt.datetime:
    """A time as Optuna has them: local, without a zone."""
    return moment.astimezone().replace(tzinfo=None)
