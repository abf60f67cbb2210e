"""Read the active studies several times a second, what their specifications say only once."""

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
_NEWS = select(StudyEventRow.id, StudyEventRow.kind).where(StudyEventRow.id > bindparam("seen"))
_OF_TRIALS: Final = {EventKind.TRIAL_STATE, EventKind.TRIAL_PROGRESS}
"""Events that leave the study's row as it was."""
_AT_ONCE: Final = 1_000
"""Specifications that are read by one statement."""


class _Said(NamedTuple):
    """What is needed of a specification, which never changes."""

    is_external: bool
    plugins: object
    """The part of it that names plugins or a task of one's own; None if none does."""

    def problem(self) -> str | None:
        """In words, how what is installed differs from what the study was made with."""
        return None if self.plugins is None else other_plugins(self.plugins)


class ActiveStudies:
    """The studies with something to do, as they were last read, and what their specifications said.

    Whatever moves or edits a study writes an event with it, so that one query for new events tells
    whether all have to be read again: a thousand may wait, and one turn in a hundred moves any.
    """

    def __init__(self) -> None:
        self._said: dict[str, _Said] = {}
        self._studies: list[ActiveStudy] = []
        self._seen: int | None = None
        """Id of the newest event that they are as new as; None before they were read."""

    def read(self, session: Session) -> tuple[ActiveStudy, ...]:
        """Read them: higher priority first, then older first.

        Those made with other plugins than the installed ones are left out: see `changed`.
        """
        self._refresh(session)
        return tuple(one for one in self._studies if self._said[one.id].problem() is None)

    def changed(self, session: Session) -> Iterator[tuple[str, str]]:
        """Ids of those whose plugins or own task are not the installed ones, each with the words.

        A task's file may change while a process runs.
        """
        self._refresh(session)
        for study in self._studies:
            if words := self._said[study.id].problem():
                yield study.id, words

    def _refresh(self, session: Session) -> None:
        connection = connection_of(session)
        kinds: set[str] = set()
        if self._seen is None:
            newest = last_event_id(session)
        else:
            rows = connection.execute(_NEWS, {"seen": self._seen}).all()
            newest = max((row.id for row in rows), default=self._seen)
            kinds = {row.kind for row in rows}
        # What trainers post about their own studies moves those without an event.
        is_posted = any(study.is_external for study in self._studies)
        if self._seen is None or kinds - _OF_TRIALS or is_posted:
            found = [ActiveStudy(*row) for row in connection.execute(_ACTIVE)]
            self._learn(session, [one.id for one in found])
            self._studies = sorted(
                (one._replace(is_external=self._said[one.id].is_external) for one in found),
                key=lambda study: study.precedence,
            )
        self._seen = newest

    def _learn(self, session: Session, ids: Sequence[str]) -> None:
        known = {id_: self._said[id_] for id_ in ids if id_ in self._said}
        new = [id_ for id_ in ids if id_ not in known]
        for first in range(0, len(new), _AT_ONCE):
            some = {"of_studies": new[first : first + _AT_ONCE]}
            for id_, spec in connection_of(session).execute(_SPECS, some):
                known[id_] = _Said(names_external_family(spec), named_plugins(spec))
        self._said = known
