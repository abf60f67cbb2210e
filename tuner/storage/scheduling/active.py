"""Read the active studies several times a second, but each specification only once."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from tuner.records.snapshot import ActiveStudy
from tuner.spec.families.registry import names_external_family
from tuner.spec.states import ACTIVE_STUDY_STATES
from tuner.spec.versions import named_plugins, other_plugins
from tuner.storage.events import EventKind, last_event_id
from tuner.storage.sql.database import connection_of
from tuner.storage.sql.tables import StudyEventRow, StudyRow

_ACTIVE = select(
    StudyRow.id, StudyRow.version, StudyRow.priority, StudyRow.created_at, StudyRow.owner
).where(StudyRow.state.in_(ACTIVE_STUDY_STATES))
_SPECS = select(StudyRow.id, StudyRow.spec).where(
    StudyRow.id.in_(bindparam("of_studies", expanding=True))
)
_SOME = _ACTIVE.where(StudyRow.id.in_(bindparam("of_studies", expanding=True)))
_NEWS = select(StudyEventRow.id, StudyEventRow.study_id, StudyEventRow.kind).where(
    StudyEventRow.id > bindparam("seen")
)
_OF_TRIALS: Final = {EventKind.TRIAL_STATE, EventKind.TRIAL_PROGRESS}
"""Events that do not change the study's row."""
_AT_ONCE: Final = 1_000
"""Specifications that are read by one statement."""


class _Said(NamedTuple):
    """The parts of a specification that are needed here; specifications never change."""

    is_external: bool
    plugins: object
    """The part of it that names plugins or an own task; None if it names none."""

    def problem(self) -> str | None:
        """Differences, in words, of what is installed from what the study was made with."""
        return None if self.plugins is None else other_plugins(self.plugins)


class ActiveStudies:
    """The active studies as last read, with the parts of their specifications that are needed.

    Every change of a study's state or settings writes an event, so that one query for new events
    tells which studies to read again: a thousand may wait, and a turn changes one or none.
    """

    def __init__(self) -> None:
        self._said: dict[str, _Said] = {}
        self._studies: dict[str, ActiveStudy] = {}
        """Active studies by id, in the order of their turns."""
        self._seen: int | None = None
        """Id of the newest event that the studies reflect; None before they were read."""
        self.moves = 0
        """Grows with every reading that found other news than those of trials."""

    def read(self, session: Session) -> tuple[ActiveStudy, ...]:
        """Read the active studies: higher priority first, then older first.

        Those made with other plugins than the installed ones are left out: see `changed`.
        """
        self._refresh(session)
        return tuple(one for one in self._studies.values() if self._said[one.id].problem() is None)

    def changed(self, session: Session) -> Iterator[tuple[str, str]]:
        """Ids of studies made with other plugins or another own task, each with the reason.

        A task's file may change while a process runs.
        """
        self._refresh(session)
        for study_id in self._studies:
            if words := self._said[study_id].problem():
                yield study_id, words

    def _refresh(self, session: Session) -> None:
        connection = connection_of(session)
        if self._seen is None:
            newest = last_event_id(session)
            self._put(session, [ActiveStudy(*row) for row in connection.execute(_ACTIVE)])
            self._seen = newest
            self.moves += 1
            return
        news = connection.execute(_NEWS, {"seen": self._seen}).all()
        moved = {row.study_id for row in news if row.kind not in _OF_TRIALS}
        # What trainers post about their own studies moves those without an event.
        moved |= {study.id for study in self._studies.values() if study.is_external}
        if moved:
            self.moves += 1
            for study_id in moved:
                self._studies.pop(study_id, None)
            found = connection.execute(_SOME, {"of_studies": sorted(moved)})
            self._put(session, [ActiveStudy(*row) for row in found])
        self._seen = max((row.id for row in news), default=self._seen)

    def _put(self, session: Session, studies: Sequence[ActiveStudy]) -> None:
        """Add studies as they were just read; forget the specifications of ended ones."""
        self._learn(session, [study.id for study in studies if study.id not in self._said])
        for study in studies:
            is_external = self._said[study.id].is_external
            self._studies[study.id] = study._replace(is_external=is_external)
        in_turn = sorted(self._studies.values(), key=lambda study: study.precedence)
        self._studies = {study.id: study for study in in_turn}
        self._said = {study_id: self._said[study_id] for study_id in self._studies}

    def _learn(self, session: Session, ids: Sequence[str]) -> None:
        for first in range(0, len(ids), _AT_ONCE):
            some = {"of_studies": ids[first : first + _AT_ONCE]}
            for id_, spec in connection_of(session).execute(_SPECS, some):
                self._said[id_] = _Said(names_external_family(spec), named_plugins(spec))
