"""Read trials from an Optuna journal, the form in which studies are exported too."""

import json
from collections.abc import Iterator
from typing import Any, Final

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import TrialState

from tuner.exchange.fitting import Row
from tuner.exchange.readers.optuna_sqlite import chosen
from tuner.exchange.readers.unreadable import TrialsUnreadable

_DEFECTS: Final = (ValueError, TypeError, LookupError, AttributeError, AssertionError)
"""Optuna's errors for a line that it did not write."""


def journal_rows(text: str, study_name: str | None) -> Iterator[Row]:
    """The trials of one study of an Optuna journal.

    Args:
        study_name: needed where the journal has several.

    Raises:
        TrialsUnreadable: if there is none.

    """
    try:
        storage = JournalStorage(_Read(list(_logs(text))))
        names = {one.study_name: one._study_id for one in storage.get_all_studies()}
        trials = storage.get_all_trials(chosen(names, study_name), deepcopy=False)
        for trial in trials:
            numbers = {n: float(v) for n, v in trial.params.items() if isinstance(v, int | float)}
            is_complete = trial.state is TrialState.COMPLETE
            yield Row(f"trial {trial.number}", numbers, trial.value if is_complete else None)
    except TrialsUnreadable:
        raise
    except RecursionError as error:
        raise TrialsUnreadable("it is nested too deeply for an Optuna journal") from error
    except _DEFECTS as error:
        raise TrialsUnreadable(
            f"it is no Optuna journal: {type(error).__name__} {error}"
        ) from error


def _logs(text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            raise TrialsUnreadable(
                f"it is no Optuna journal: line {number} is not JSON ({error.msg})"
            ) from error


class _Read(BaseJournalBackend):
    """A journal that was read and is not written."""

    def __init__(self, logs: list[dict[str, Any]]) -> None:
        self._logs = logs

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        yield from self._logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise TrialsUnreadable("it is no whole Optuna journal")
