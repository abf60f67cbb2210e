"""Store a table of losses as completed studies of trials that were trained elsewhere."""

import datetime as dt
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from parametrization.rules.parametrization import Parametrization
from parametrization.sweeps.table import Group, SeedLosses, seeds_of
from tuner.records.errors import IdempotencyKeyReused, StudyNotFound
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import Purpose, StateReason, StudyState, TrialState
from tuner.spec.study import StudySpec
from tuner.spec.submitted import STORED
from tuner.storage.documents import SPEC
from tuner.storage.events import EventKind, write_event
from tuner.storage.requests.idempotency import known_request, remember_request
from tuner.storage.sql.tables import StudyRow, TrialRow
from tuner.storage.sql.viewers import made_by
from tuner.storage.studies import get_study
from tuner.storage.trials.rows import trials_of
from tuner.storage.trials.trial_counts import count_if_uncounted

MOST_WIDTHS: Final = 8
"""Widths that a specification lists at most; a table may have more."""
MOST_STEPS: Final = 2**31 - 1
"""Largest number of steps that a trial's row holds; longer runs are stored with this number."""
_REASON: Final = "a table of losses that were measured elsewhere"


def sweep_spec(
    group: Group, *, target_width: int, optimizer: str, asked: Mapping[str, Any]
) -> StudySpec:
    """The study that a sweep of a table is stored as: of no model, with its widths and target.

    Args:
        asked: further fields of a study, such as its name.

    Raises:
        ValidationError: if a width is beyond those of studies, or a field is not one of theirs.

    """
    widths = sorted(group.sweep)
    labels = {name[:200]: value[:200] for name, value in group.where.items()}
    document = dict(asked) | {
        "family": {"name": "external"},
        "target": {"width": target_width},
        "proxy_width": widths[0],
        "optimizers": [{"name": optimizer}],
        "measure": {"plan": "adaptive", "widths": widths[:MOST_WIDTHS]},
        "labels": labels,
    }
    return StudySpec.model_validate(document, context=STORED)


def open_sweeps(
    session: Session,
    sweeps: Sequence[tuple[StudySpec, Group]],
    *,
    request_sha256: str,
    idempotency_key: str | None = None,
) -> tuple[StudyRecord, ...]:
    """Store each sweep of a table as a completed study, or find what the same request has stored.

    Raises:
        IdempotencyKeyReused: if the key was used with another request.

    """
    owner = made_by(session)["owner"]
    request = f"{owner}/{idempotency_key}" if idempotency_key else secrets.token_hex(16)
    ids = [_id(f"{request}/{number}") for number in range(len(sweeps))]
    if idempotency_key and (known := known_request(session, idempotency_key)):
        if known.request_hash != request_sha256:
            raise IdempotencyKeyReused(idempotency_key)
        return tuple(get_study(session, study_id) for study_id in ids)
    for study_id, (spec, group) in zip(ids, sweeps, strict=True):
        _store(session, study_id, spec, group)
    remember_request(session, idempotency_key, ids[0], request_sha256=request_sha256)
    return tuple(get_study(session, study_id) for study_id in ids)


def stored_sweep(session: Session, study_id: str) -> tuple[StudyRecord, Group]:
    """A study that was stored from a table, and its losses.

    Raises:
        StudyNotFound: if there is none of that id, or it is none of a table.

    """
    study = get_study(session, study_id)
    if not is_sweep(study):
        raise StudyNotFound(study_id)
    sweep: dict[int, dict[float, SeedLosses]] = {}
    steps = 0
    for trial in trials_of(session, study_id):
        steps = max(steps, trial.step)
        rates = sweep.setdefault(trial.width, {})
        losses = rates.setdefault(float(trial.params["log2_learning_rate"]), {})
        losses[str(trial.seed)] = trial.value
    return study, Group(dict(study.spec.labels), sweep, steps or None)


def is_sweep(study: StudyRecord) -> bool:
    """True if the study was stored from a table: it has no model, and nothing is trained."""
    return study.spec.family.is_external and study.shape is None


def _id(text: str) -> str:
    return f"std_{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _store(session: Session, study_id: str, spec: StudySpec, group: Group) -> None:
    now = dt.datetime.now(dt.UTC)
    session.add(
        StudyRow(
            id=study_id,
            state=StudyState.COMPLETED,
            reason=_REASON,
            spec=SPEC.write(spec),
            priority=spec.priority,
            project=spec.project,
            **made_by(session),
            created_at=now,
            updated_at=now,
            finished_at=now,
            version=1,
        )
    )
    session.flush()
    session.add_all(_trials(study_id, spec, group, now))
    session.flush()
    count_if_uncounted(session, study_id)
    told = {"from": None, "to": StudyState.COMPLETED, "reason": _REASON}
    write_event(session, study_id, EventKind.STUDY_STATE, told)


def _trials(study_id: str, spec: StudySpec, group: Group, now: dt.datetime) -> list[TrialRow]:
    seeds = {name: number for number, name in enumerate(seeds_of(group.sweep))}
    rows = [
        (width, rate, seeds[name], loss)
        for width, at in group.sweep.items()
        for rate, of in at.items()
        for name, loss in of.items()
    ]
    return [
        TrialRow(
            study_id=study_id,
            number=number,
            purpose=Purpose.MEASURE,
            optimizer=spec.optimizers[0].name,
            parametrization=Parametrization.MUP,
            width=width,
            seed=seed,
            batch=0,
            hyperparameters={"learning_rate": 2.0**rate},
            params={"log2_learning_rate": rate},
            system_attrs={},
            state=TrialState.PRUNED if loss is None else TrialState.COMPLETE,
            state_reason=StateReason.DIVERGED if loss is None else None,
            value=loss,
            validation_loss=None,
            intermediate_values={},
            step=min(group.steps or 0, MOST_STEPS),
            created_at=now,
            started_at=None,
            finished_at=now,
        )
        for number, (width, rate, seed, loss) in enumerate(rows)
    ]
