"""Compute the evidence of studies after trials have ended, apart from storing those, bit by bit.

Reports are stored first. If the process dies before their evidence is, the stored evidence has
fewer trials than the study, which the next coordinator sees and mends.
"""

import time
from collections.abc import Callable
from typing import Final

import structlog

from tuner.evidence.sensitivity import CurveFits
from tuner.evidence.study_evidence import study_evidence
from tuner.records.errors import StorageUnavailable
from tuner.storage.evidence import evidence_ages, store_evidence
from tuner.storage.sql.database import Database
from tuner.storage.studies import read_snapshot

LOOK_SECONDS: Final = 0.25
"""Seconds between two looks for studies whose evidence is old."""
REST: Final = 10
"""Rest after a summary, in multiples of its duration: at most a tenth of the time goes into
evidence, however many trials end. The end of a phase does not wait. Looks, which take long while a
thousand studies are at work, are spaced in the same way."""

log = structlog.get_logger()


class EvidenceRefresh:
    """Keeps the stored evidence of all studies up to date.

    Args:
        database: of the coordinator that leads.
        clock: monotonic seconds.

    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._next_look = -LOOK_SECONDS
        self._next_summary = 0.0
        self._watched: set[str] | None = None
        """Ids of studies that were old or unfinished; None before the first look, which covers
        all."""
        self._fits: dict[str, CurveFits] = {}
        self._given_up: set[str] = set()
        """Ids of studies that this process cannot summarise; answers say why."""
        self.seconds_spent = 0.0
        """Total seconds spent on looking and summarising."""

    def turn(self) -> None:
        """Refresh the evidence of one study, if one is due."""
        started = self._clock()
        if started < self._next_look:
            return
        study_id = self._due(started)
        looking = self._clock() - started
        if study_id is not None:
            self._refresh(study_id)
            self._next_summary = self._clock() + REST * (self._clock() - started)
        self._next_look = self._clock() + max(LOOK_SECONDS, REST * looking)
        self.seconds_spent += self._clock() - started

    def _due(self, now: float) -> str | None:
        with self._database.read() as session:
            ages = evidence_ages(session, self._watched)
        self._watched = {age.study_id for age in ages if age.is_old or not age.has_ended}
        self._fits = {id_: fits for id_, fits in self._fits.items() if id_ in self._watched}
        old = [age for age in ages if age.is_old and age.study_id not in self._given_up]
        urgent = [age.study_id for age in old if age.phase_ended]
        rested = [age.study_id for age in old if now >= self._next_summary]
        return next(iter(urgent + rested), None)

    def _refresh(self, study_id: str) -> None:
        fits = self._fits.setdefault(study_id, CurveFits())
        try:
            with self._database.read() as session:
                snapshot = read_snapshot(session, study_id)
            evidence = study_evidence(snapshot, fits)
        except StorageUnavailable:
            raise
        except Exception:
            log.exception("evidence not summarised", study=study_id)
            self._given_up.add(study_id)
            return
        with self._database.write() as session:
            store_evidence(session, snapshot.study, evidence)
