"""Read trials from Optuna's SQLite storage, which is opened in memory and never run as a program.

The file is untrusted: it is read with statements of our own and a limit on their work, for a view
in it may be any query.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from optuna.distributions import json_to_distribution

from tuner.exchange.fitting import Row
from tuner.exchange.readers.unreadable import TrialsUnreadable

_WORK: Final = 20_000_000
"""Steps of SQLite's machine: a thousand trials take a hundredth of them."""
_STUDIES: Final = "SELECT study_id, study_name FROM studies ORDER BY study_id"
_TRIALS: Final = """
    SELECT trials.trial_id, trials.number, trials.state, trial_values.value
    FROM trials LEFT JOIN trial_values
    ON trial_values.trial_id = trials.trial_id AND trial_values.objective = 0
    WHERE trials.study_id = ? ORDER BY trials.number
"""
_PARAMS: Final = """
    SELECT trial_params.trial_id, param_name, param_value, distribution_json
    FROM trial_params JOIN trials ON trials.trial_id = trial_params.trial_id
    WHERE trials.study_id = ?
"""
_DEFECTS: Final = (sqlite3.Error, ValueError, TypeError, LookupError, AttributeError)


def sqlite_rows(content: bytes, study_name: str | None) -> Iterator[Row]:
    """The trials of one study of an Optuna storage in SQLite.

    Args:
        study_name: needed where the storage has several.

    Raises:
        TrialsUnreadable: if there is none.

    """
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.deserialize(content)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.set_progress_handler(lambda: 1, _WORK)
            studies = dict(connection.execute(_STUDIES).fetchall())
            study_id = chosen({name: number for number, name in studies.items()}, study_name)
            params: dict[int, dict[str, float]] = {}
            for trial_id, name, stored, distribution in connection.execute(_PARAMS, (study_id,)):
                value = json_to_distribution(distribution).to_external_repr(stored)
                if isinstance(value, int | float):
                    params.setdefault(trial_id, {})[str(name)] = float(value)
            trials = connection.execute(_TRIALS, (study_id,)).fetchall()
        except TrialsUnreadable:
            raise
        except _DEFECTS as error:
            raise TrialsUnreadable(f"it is no Optuna storage in SQLite: {error}") from error
    for trial_id, number, state, value in trials:
        known = value if state == "COMPLETE" and isinstance(value, int | float) else None
        yield Row(f"trial {number}", params.get(trial_id, {}), known)


def chosen(studies: dict[str, int], name: str | None) -> int:
    """The study of that name, or the only one.

    Raises:
        TrialsUnreadable: if there is none of that name, or several and no name.

    """
    if name is None and len(studies) == 1:
        return next(iter(studies.values()))
    if name in studies:
        return studies[name]
    has = ", ".join(map(repr, studies))[:300] or "no study"
    raise TrialsUnreadable(f"name one of its studies with optuna_study: it has {has}")
