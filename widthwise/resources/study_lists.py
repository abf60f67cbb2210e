"""List studies by filters, and edit the fields that they are listed by."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict, Unpack

from widthwise.connection import Connection, Document, moment_text, path_of


class Wanted(TypedDict, total=False):
    """Filters of studies, or of checks that stand alone; all of them apply."""

    project: str | None
    labels: Mapping[str, str | None]
    """Names with their values; None: with any."""
    family: str | None
    optimizer: str | None
    name: str | None
    """A part of its name."""
    created_after: dt.datetime | None
    created_before: dt.datetime | None


class WantedStudies(Wanted, total=False):
    """Filters of studies."""

    kind: str | None
    """`check`: those that stop after their coordinate check; `search`: the others."""


def wanted_query(wanted: Wanted) -> dict[str, Any]:
    """Query parameters of the filters."""
    labels = wanted.get("labels") or {}
    return {
        "project": wanted.get("project"),
        "label": [name if value is None else f"{name}={value}" for name, value in labels.items()],
        "family": wanted.get("family"),
        "optimizer": wanted.get("optimizer"),
        "name": wanted.get("name"),
        "created_after": moment_text(wanted.get("created_after")),
        "created_before": moment_text(wanted.get("created_before")),
        "page_size": 100,
    }


class StudyLists(Connection):
    """The requests about many studies, and about what they are listed by."""

    def studies(
        self, state: str | Sequence[str] | None = None, **wanted: Unpack[WantedStudies]
    ) -> Iterator[Document]:
        """Every study that can be read, newest first, fetched page by page."""
        for page in self.study_pages(state, **wanted):
            yield from page["studies"]

    def study_pages(
        self, state: str | Sequence[str] | None = None, **wanted: Unpack[WantedStudies]
    ) -> Iterator[Document]:
        """Pages of the list: `studies`, and those `unreadable` with the `problem` of each."""
        yield from self._pages(
            "/v1/studies", state=state, kind=wanted.get("kind"), **wanted_query(wanted)
        )

    def projects(self) -> list[Document]:
        """Every project that a study belongs to, and how many do."""
        return list(self._json("/v1/projects")["projects"])

    def edit(
        self,
        study_id: str,
        *,
        priority: int | None = None,
        project: str | None = None,
        labels: Mapping[str, str | None] | None = None,
        if_version: int | None = None,
    ) -> Document:
        """Change a study's priority, project or labels; what is not given stays.

        Args:
            labels: to give; None takes one away.
            if_version: only if the study still has this `version`.

        """
        given = {"priority": priority, "project": project, "labels": labels}
        body = {name: value for name, value in given.items() if value is not None}
        return self._patch(path_of(study_id), body, if_version)
