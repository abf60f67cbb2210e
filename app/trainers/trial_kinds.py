"""Work out once what the numbers of a study's trials share, and keep it for its next leases.

A study's trials of one width differ in their hyperparameters and seeds; everything else that their
numbers follow from (shapes, rules, the schedule drawn out) is theirs in common, and takes
several times as long as the rest.
"""

import threading
from collections import OrderedDict
from typing import Final

from tuner.engine.orders import TrialSpec
from tuner.recommendation.trial_numbers import TrialKind
from tuner.storage.sql.database import Database
from tuner.storage.studies import get_study

MOST: Final = 64
"""Kinds of trials; those that were not leased for longest go first."""
_COMMON: Final = {"model", "optimizer", "training"}


class TrialKinds:
    """The kinds of trials that were leased last; for the threads of all requests.

    Args:
        database: with their studies, whose shapes never change.

    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], TrialKind] = OrderedDict()

    def kind_of(self, study_id: str, trial: TrialSpec) -> TrialKind:
        """The kind of a study's trial.

        Raises:
            StorageUnavailable: if it is a new one, and the study cannot be read.

        """
        key = (study_id, trial.model_dump_json(include=_COMMON))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = self._made(study_id, trial)
        with self._lock:
            self._kept[key] = made
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return made

    def _made(self, study_id: str, trial: TrialSpec) -> TrialKind:
        with self._database.read() as session:
            shape = get_study(session, study_id).shape
        assert shape is not None, "the specification brought it"
        return TrialKind(trial, shape)
