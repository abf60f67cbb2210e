"""Studies as stored: opened, listed, and moved from state to state."""

import datetime as dt
import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from tuner.engine.slots import ONE_CPU, Capacity
from tuner.records.errors import IdempotencyKeyReused, IllegalMove, OtherPlugin, StudyNotFound
from tuner.records.snapshot import (
    StudyRecord,
    StudySnapshot,
)
from tuner.spec.states import (
    ACTIVE_STUDY_STATES,
    FINAL_STUDY_STATES,
    LEGAL_MOVES,
    OrderState,
    StateReason,
    StudyState,
    TrialState,
)
from tuner.spec.study import StudySpec
from tuner.spec.versions import other_plugins
from tuner.storage.documents import SHAPE, SPEC
from tuner.storage.events import EventKind, write_event
from tuner.storage.orders import close_order, open_orders_of, open_rows
from tuner.storage.requests.idempotency import known_request, remember_request
from tuner.storage.snapshots import snapshot_of
from tuner.storage.sql.tables import StudyRow
from tuner.storage.sql.text import storable
from tuner.storage.sql.viewers import made_by
from tuner.storage.study_records import (
    record_of,
    statistics_of,
    why_unreadable,
)
from tuner.storage.trials.rows import end_trial, unfinished_trials


def open_study(
    session: Session, spec: StudySpec, *, idempotency_key: str | None = None, asked_sha256: str = ""
) -> tuple[StudyRecord, bool]:
    """Queue a study, or find the one that the same request has queued before.

    `asked_sha256` identifies the request where its budget planned fields of the study.

    Returns:
        The study, and True if it is new.

    Raises:
        IdempotencyKeyReused: if the key was used with another request.
        OtherPlugin: if it asks for a version of a plugin that is not installed.

    """
    stored = SPEC.write(spec)
    require_plugins(stored)
    if idempotency_key and (known := known_request(session, idempotency_key)):
        study = get_study(session, known.study_id)
        # With every default filled in: spelling one out is no change.
        is_other = study.spec != spec and (known.request_hash or None) != asked_sha256
        if known.recommendation_id is not None or is_other:
            raise IdempotencyKeyReused(idempotency_key)
        return study, False
    now = dt.datetime.now(dt.UTC)
    row = StudyRow(
        id=f"std_{secrets.token_hex(8)}",
        state=StudyState.QUEUED,
        spec=stored,
        shape=None if (shape := spec.family.given_shape) is None else SHAPE.write(shape),
        priority=spec.priority,
        project=spec.project,
        **made_by(session),
        created_at=now,
        updated_at=now,
        version=1,
    )
    session.add(row)
    session.flush()
    remember_request(session, idempotency_key, row.id, request_sha256=asked_sha256)
    _tell_of_move(session, row.id, None, StudyState.QUEUED, None)
    return record_of(row), True


def get_study(session: Session, study_id: str) -> StudyRecord:
    """Read one study.

    Raises:
        StudyNotFound: if there is none of that id.

    """
    return record_of(study_row(session, study_id))


def park_studies(session: Session) -> None:
    """Pause every active study that cannot be read or was made with other plugins than installed.

    For the start of a coordinator: what is installed does not change while a process runs.
    """
    active = select(StudyRow).where(StudyRow.state.in_(ACTIVE_STUDY_STATES))
    for row in session.scalars(active).all():
        if words := other_plugins(row.spec) or why_unreadable(row):
            park_study(session, row.id, words)


def park_study(session: Session, study_id: str, reason: str) -> None:
    """Pause an active study that cannot go on here, without reading more of it than its state."""
    row = study_row(session, study_id)
    if row.state in ACTIVE_STUDY_STATES:
        _move_row(session, row, StudyState.PAUSED, f"{reason}; then resume the study")


def pause_study(session: Session, study_id: str) -> StudyRecord:
    """Stop working on a study, and remember its state; a paused one stays as it is.

    Raises:
        StudyNotFound: if there is none of that id.
        IllegalMove: if the study has ended.

    """
    study = get_study(session, study_id)
    if study.state is StudyState.PAUSED:
        return study
    return move_study(session, study_id, StudyState.PAUSED)


def resume_study(session: Session, study_id: str) -> StudyRecord:
    """Go on with a paused study in the state it was in; one that is at work stays as it is.

    Raises:
        StudyNotFound: if there is none of that id.
        IllegalMove: if the study has ended.
        OtherPlugin: if it was made with another version of a plugin than the installed one.

    """
    study = get_study(session, study_id)
    if study.state in ACTIVE_STUDY_STATES:
        return study
    phase = study.resume_state or StudyState.QUEUED
    if study.state is not StudyState.PAUSED:  # a failed one is tried again: see `retry_study`
        raise IllegalMove(study_id, study.state, phase)
    require_plugins(study_row(session, study_id).spec)
    return move_study(session, study_id, phase)


def cancel_study(session: Session, study_id: str) -> StudyRecord:
    """End a study and its trials for good; a cancelled one stays as it is.

    Raises:
        StudyNotFound: if there is none of that id.
        IllegalMove: if the study has ended otherwise.

    """
    study = get_study(session, study_id)
    if study.state is StudyState.CANCELLED:
        return study
    return move_study(session, study_id, StudyState.CANCELLED)


def move_study(
    session: Session, study_id: str, to: StudyState, *, reason: str | None = None
) -> StudyRecord:
    """Change a study's state, with its event: the only function that does.

    A study that is not at work has no open order, and one that has ended no unfinished trial.

    Raises:
        StudyNotFound: if there is none of that id.
        IllegalMove: if LEGAL_MOVES has no such move.

    """
    row = study_row(session, study_id)
    _move_row(session, row, to, reason)
    return record_of(row)


def _move_row(session: Session, row: StudyRow, to: StudyState, reason: str | None) -> None:
    study_id, from_ = row.id, StudyState(row.state)
    if to not in LEGAL_MOVES[from_]:
        raise IllegalMove(study_id, from_, to)
    now = dt.datetime.now(dt.UTC)
    row.state = to
    before = row.resume_state if from_ is StudyState.PAUSED else from_
    row.resume_state = before if to in (StudyState.PAUSED, StudyState.FAILED) else None
    row.reason = storable(reason)
    row.updated_at = now
    row.version += 1
    if to not in ACTIVE_STUDY_STATES:
        for order in open_rows(session, study_id):
            close_order(order, OrderState.CANCELLED)
    row.finished_at = now if to in FINAL_STUDY_STATES else None
    if to in FINAL_STUDY_STATES:
        for trial in unfinished_trials(session, study_id):
            end_trial(session, trial, TrialState.FAIL, reason=StateReason.CANCELLED)
    _tell_of_move(session, study_id, from_, to, row.reason)


def read_snapshot(session: Session, study_id: str) -> StudySnapshot:
    """Read everything that is known about the study and that its evidence rests on.

    Raises:
        StudyNotFound: if there is none of that id.

    """
    orders = open_orders_of(session, study_id, skip_unreadable=True)
    return snapshot_of(
        session, get_study(session, study_id), statistics_of(session, study_id), orders
    )


def read_for_decision(
    session: Session, study_id: str, capacity: Capacity = ONE_CPU
) -> StudySnapshot:
    """Read everything that a decision about the study depends on.

    Args:
        capacity: slots that its trials are packed for.

    Raises:
        StudyNotFound: if there is none of that id.
        StudyUnreadable: if it cannot be read.
        OrderUnreadable: if one of its open orders cannot.

    """
    study = get_study(session, study_id)
    statistics = statistics_of(session, study_id) if study.state is StudyState.CHECKING else ()
    return snapshot_of(session, study, statistics, open_orders_of(session, study_id), capacity)


def study_row(session: Session, study_id: str) -> StudyRow:
    """The row of a study.

    Raises:
        StudyNotFound: if there is none of that id.

    """
    if (row := session.get(StudyRow, study_id)) is None:
        raise StudyNotFound(study_id)
    return row


def require_plugins(spec: object) -> None:
    """Refuse a study that was made with other plugins than the installed ones.

    Raises:
        OtherPlugin: if it was.

    """
    if words := other_plugins(spec):
        raise OtherPlugin(words)


def _tell_of_move(
    session: Session, study_id: str, from_: StudyState | None, to: StudyState, reason: str | None
) -> None:
    data = {"from": from_, "to": to, "reason": reason}
    write_event(session, study_id, EventKind.STUDY_STATE, data)
