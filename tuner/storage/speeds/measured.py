"""Read how fast trials have trained here, and which models have been described."""

import math
from collections import defaultdict
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from parametrization.shapes.roles import ModelShape
from tuner.evidence.preview import MeasuredSpeed
from tuner.records.errors import DocumentUnreadable, StudyUnreadable
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import OrderState
from tuner.spec.study import StudySpec
from tuner.storage.documents import SHAPE, SPEC
from tuner.storage.speeds.slot_speed import done_work
from tuner.storage.sql.tables import OrderRow, StudyRow
from tuner.storage.study_records import record_of

STUDIES: Final = 20
"""Newest studies of a family whose trials are read."""
ORDERS: Final = 300
"""Newest orders of those studies that are read."""


def measured_speeds(session: Session, family: str) -> tuple[MeasuredSpeed, ...]:
    """FLOPs per second of a slot, by width, over the newest trials of a family."""
    studies: dict[str, StudyRecord] = {}
    for study in session.scalars(_newest(family).limit(STUDIES)):
        try:
            studies[study.id] = record_of(study)
        except StudyUnreadable:
            continue
    flops: dict[int, list[float]] = defaultdict(list)
    seconds: dict[int, list[float]] = defaultdict(list)
    query = (
        select(OrderRow)
        .where(
            OrderRow.study_id.in_(list(studies)),
            OrderRow.kind == "train",
            OrderRow.state == OrderState.DONE,
            OrderRow.attempt == 1,
        )
        .order_by(OrderRow.created_at.desc(), OrderRow.id)
        .limit(ORDERS)
    )
    for row in session.scalars(query):
        if work := done_work(studies[row.study_id], row):
            flops[work[0]].append(work[1])
            seconds[work[0]].append(work[2])
    return tuple(
        MeasuredSpeed(
            family=family,
            width=width,
            flops_per_second=math.fsum(flops[width]) / math.fsum(seconds[width]),
        )
        for width in sorted(flops)
        if math.fsum(seconds[width]) > 0
    )


def described_shape(session: Session, spec: StudySpec) -> ModelShape | None:
    """The model's shape as stored by the newest study of the same model; None if there is none.

    A model is the same if the whole family is, the version of its task included.
    """
    if spec.family.given_shape is not None:
        return spec.family.given_shape
    for row in session.scalars(
        _newest(spec.family.name).where(StudyRow.shape.is_not(None)).limit(STUDIES)
    ):
        try:
            known = SPEC.read(row.spec)
            if known.family == spec.family and known.dataset == spec.dataset:
                return SHAPE.read(row.shape)
        except DocumentUnreadable:
            continue
    return None


def _newest(family: str) -> Select[StudyRow]:
    named = StudyRow.spec["family"]["name"].as_string() == family
    return select(StudyRow).where(named).order_by(StudyRow.created_at.desc(), StudyRow.id)
