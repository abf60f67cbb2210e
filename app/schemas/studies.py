"""A study as the API shows it."""

import datetime as dt
from typing import Literal

from pydantic import ConfigDict, Field

from app.progress import Progress
from app.schemas.links import StudyLinks, study_links
from app.standings.standing import Standing
from parametrization.recommendation.record import Record
from tuner.decisions.queue import Place
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec
from tuner.spec.study_fields import MOST_LABELS, LabelText, Priority, ProjectName
from tuner.spec.submitted import Submitted
from tuner.storage.study_list import UnreadableStudy


class StudySummary(Record):
    id: str
    name: str
    state: StudyState
    reason: str | None
    family: str
    optimizers: tuple[str, ...]
    stop_after: Literal["check"] | None
    """Null where the study searches and measures."""
    proxy_width: int
    target_width: int
    project: str
    labels: dict[str, str]
    owner: str
    priority: int
    created_at: dt.datetime
    finished_at: dt.datetime | None
    standing: Standing
    links: StudyLinks


class StudyList(Record):
    studies: tuple[StudySummary, ...]
    """Newest first."""
    unreadable: tuple[UnreadableStudy, ...] = ()
    """Those of the page that cannot be read here, each with the reason and the remedy."""
    next_page_token: str | None
    """Give it as `page_token` to go on; null on the last page."""


class StudyEdit(Submitted):
    """The changes to make to a study."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"priority": 10, "labels": {"team": "vision", "draft": None}}]
        }
    )

    priority: Priority | None = None
    """Higher runs first."""
    project: ProjectName | None = None
    """Project that the study belongs to; empty: none."""
    labels: dict[LabelText, LabelText | None] = Field(default={}, max_length=2 * MOST_LABELS)
    """Labels to add or replace; null removes one."""


class StudyRead(Record):
    id: str
    state: StudyState
    resume_state: StudyState | None
    """State in which a paused study goes on, and a failed one that is tried again."""
    reason: str | None
    """In words, why it failed, or what its last phase found."""
    problem: str | None
    """In words, what keeps the study from moving right now; null when nothing does."""
    pending_reason: str | None
    """In words, what it waits for, be it a `problem` or its turn; null while it holds a slot and
    when it has ended."""
    queue_position: int | None
    """Among the studies that hold no slot, 1 for the next to get one; null for all others."""
    queue_eta_seconds: float | None
    """Seconds until it gets a slot, at the recent pace; null before there is one, or while it holds
    one."""
    project: str
    labels: dict[str, str]
    priority: int
    """Higher runs first. The three are as they are now, in `spec` as they were submitted."""
    owner: str
    """Owner of the key that it was made with; `local` without one."""
    spec: StudySpec
    """The specification as stored, every default filled in."""
    progress: Progress
    created_at: dt.datetime
    updated_at: dt.datetime
    finished_at: dt.datetime | None
    version: int
    """Grows with every change of state and every edit; the ETag begins with it."""
    links: StudyLinks


def study_summary(study: StudyRecord, standing: Standing) -> StudySummary:
    """One row of a list."""
    spec = study.spec
    return StudySummary(
        id=study.id,
        name=spec.name,
        state=study.state,
        reason=study.reason,
        family=spec.family.name,
        optimizers=tuple(optimizer.name for optimizer in spec.optimizers),
        stop_after=spec.stop_after,
        proxy_width=spec.proxy_width,
        target_width=spec.target.width,
        project=study.current_project,
        labels=study.current_labels,
        priority=study.priority,
        owner=study.owner,
        created_at=study.created_at,
        finished_at=study.finished_at,
        standing=standing,
        links=study_links(study.id),
    )


def study_read(
    study: StudyRecord, progress: Progress, problem: str | None, place: Place | None = None
) -> StudyRead:
    """The whole study, without its trials.

    Args:
        study: as stored.
        progress: of the study.
        problem: the reason why it does not advance; None if there is none.
        place: in the queue for slots; None if it is not in it.

    """
    return StudyRead(
        id=study.id,
        state=study.state,
        resume_state=study.resume_state,
        reason=study.reason,
        problem=problem,
        pending_reason=problem or (place and place.pending_reason),
        queue_position=place and place.position,
        queue_eta_seconds=place and place.eta_seconds,
        project=study.current_project,
        labels=study.current_labels,
        priority=study.priority,
        owner=study.owner,
        spec=study.spec,
        progress=progress,
        created_at=study.created_at,
        updated_at=study.updated_at,
        finished_at=study.finished_at,
        version=study.seen_version,
        links=study_links(study.id),
    )
