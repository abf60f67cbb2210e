"""Read the active studies several times a second, what their specifications say only once."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from tuner.records.snapshot import ActiveStudy
from tuner.spec.families.registry import names_external_family
from tuner.spec.states import ACTIVE_STUDY_STATES
from tuner.spec.versions import named_plugins, other_plugins
from tuner.storage.sql.database import connection_of
from tuner.storage.sql.tables import StudyRow

_ACTIVE = select(
    StudyRow.id, StudyRow.version, StudyRow.priority, StudyRow.created_at, StudyRow.owner
).where(StudyRow.state.in_(ACTIVE_STUDY_STATES))
_SPECS = select(StudyRow.id, StudyRow.spec).where(
    StudyRow.id.in_(bindparam("of_studies", expanding=True))
)
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
    """The studies with something to do, and what their specifications said."""

    def __init__(self) -> None:
        self._said: dict[str, _Said] = {}

    def read(self, session: Session) -> tuple[ActiveStudy, ...]:
        """Read them: higher priority first, then older first.

        Those made with other plugins than the installed ones are left out: see `changed`.
        """
        rows = [ActiveStudy(*row) for row in connection_of(session).execute(_ACTIVE)]
        self._learn(session, [row.id for row in rows])
        studies = [
            study._replace(is_external=self._said[study.id].is_external)
            for study in rows
            if self._said[study.id].problem() is None
        ]
        return tuple(sorted(studies, key=lambda study: study.precedence))

    def changed(self, session: Session) -> Iterator[tuple[str, str]]:
        """Ids of those whose plugins or own task are not the installed ones, each with the words.

        A task's file may change while a process runs.
        """
        ids = [row.id for row in connection_of(session).execute(_ACTIVE)]
        self._learn(session, ids)
        for study_id in ids:
            if words := self._said[study_id].problem():
                yield study_id, words

    def _learn(self, session: Session, ids: Sequence[str]) -> None:
        known = {id_: self._said[id_] for id_ in ids if id_ in self._said}
        new = [id_ for id_ in ids if id_ not in known]
        for first in range(0, len(new), _AT_ONCE):
            some = {"of_studies": new[first : first + _AT_ONCE]}
            for id_, spec in connection_of(session).execute(_SPECS, some):
                known[id_] = _Said(names_external_family(spec), named_plugins(spec))
        self._said = known
