"""Query parameters of the lists of studies and of checks."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field

from app.schemas.texts import Moment
from tuner.spec.states import StudyState
from tuner.spec.study_fields import MOST_LABELS, LabelText, ProjectName
from tuner.spec.submitted import ReadableText
from tuner.storage.study_list import StudyFilter

AskedLabel = Annotated[ReadableText, Field(max_length=401)]


async def _filter(  # one query parameter each
    project: Annotated[ProjectName | None, Query(description="Empty: those of none")] = None,
    label: Annotated[
        list[AskedLabel] | None,
        Query(max_length=MOST_LABELS, description="`name=value`, or `name` with any value"),
    ] = None,
    family: Annotated[LabelText | None, Query()] = None,
    optimizer: Annotated[
        LabelText | None, Query(description="One that is tuned, or checked")
    ] = None,
    name: Annotated[LabelText | None, Query(description="A part of the name")] = None,
    created_after: Moment | None = None,
    created_before: Moment | None = None,
) -> StudyFilter:
    return StudyFilter(
        project=project,
        label=tuple(map(_label, label or ())),
        family=family,
        optimizer=optimizer,
        name=name,
        created_after=created_after,
        created_before=created_before,
    )


Wanted = Annotated[StudyFilter, Depends(_filter)]
States = Annotated[list[StudyState] | None, Query(description="Only those in one of these states")]
PageSize = Annotated[int, Query(ge=1, le=500)]
PageToken = Annotated[str | None, Query(max_length=500)]


def _label(asked: str) -> tuple[str, str | None]:
    """A label's name and value, as a query has them; None: any value."""
    name, equals, value = asked.partition("=")
    return name, value if equals else None
