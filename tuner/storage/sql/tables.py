"""The tables of the database, typed: the only durable truth."""

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tuner.storage.sql.column_types import BigId, FiniteFloat, UtcDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy's declared name for it
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
        dt.datetime: UtcDateTime,
        float: FiniteFloat,
    }


class SchemaRow(Base):
    """One row: the oldest code that can serve the database at this revision."""

    __tablename__ = "schema_compatibility"

    revision: Mapped[str] = mapped_column(String(32), primary_key=True)
    oldest_code: Mapped[str] = mapped_column(String(32))
    """The newest revision that code must know to serve it."""


class CoordinatorRow(Base):
    """One row: the epoch of the coordinator that leads the studies."""

    __tablename__ = "coordinator"

    id: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    """Grows with every coordinator that takes the lead; one of an older epoch may not write."""


class StudyRow(Base):
    __tablename__ = "studies"
    __table_args__ = (
        Index(None, "state", "created_at", "id"),
        Index(None, "state", "finished_at"),
        Index(None, "created_at", "id"),
        Index(None, "project"),
        Index(None, "owner", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    resume_state: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    """In words, why the study failed, or what holds it up."""
    spec: Mapped[dict[str, Any]]
    shape: Mapped[dict[str, Any] | None]
    """ModelShape; NULL until the describe order has answered."""
    data_sha256: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of everything that batches are made of; NULL until the describe order has
    answered."""
    packings: Mapped[dict[str, Any] | None]
    """Packing by `packing_key`, as probes have measured them."""
    dynamics: Mapped[dict[str, Any] | None]
    counts: Mapped[dict[str, Any] | None]
    """TrialCounts; NULL until a release that counts trials has changed one."""
    priority: Mapped[int]
    project: Mapped[str | None] = mapped_column(String(200))
    labels: Mapped[dict[str, Any] | None]
    """NULL: the labels of the specification."""
    edits: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Number of changes of priority, project or labels."""
    owner: Mapped[str] = mapped_column(String(80), default="local", server_default="local")
    """Owner of the study: the owner's keys may read and change it."""
    api_key_id: Mapped[str | None] = mapped_column(String(40))
    """The key that it was made with; NULL without one."""
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    """Grows with every state change; with the edits, the beginning of the ETag."""


class TrialRow(Base):
    __tablename__ = "trials"

    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    optimizer: Mapped[str] = mapped_column(String(64))
    parametrization: Mapped[str] = mapped_column(String(16))
    width: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    batch: Mapped[int]
    """Search: the logical batch it was proposed in. Measure, control: the grid's extension, 0-2."""
    hyperparameters: Mapped[dict[str, Any]]
    params: Mapped[dict[str, Any]]
    """Searched hyperparameters, as Optuna proposed them."""
    state: Mapped[str] = mapped_column(String(16))
    state_reason: Mapped[str | None] = mapped_column(String(16))
    message: Mapped[str | None] = mapped_column(Text)
    value: Mapped[float | None]
    """The value that trials of the family are compared by; NULL if not finite or not finished."""
    validation_loss: Mapped[float | None]
    intermediate_values: Mapped[dict[str, Any]]
    """Values by rung step (as a string, JSON's only key)."""
    system_attrs: Mapped[dict[str, Any]]
    """The sampler's own notes, needed to rebuild it."""
    cell: Mapped[dict[str, Any] | None]
    """Cell, where it trains with another depth, batch or duration than the study's own."""
    training: Mapped[dict[str, Any] | None]
    """Searched fields of training, where they are not the study's own."""
    step: Mapped[int] = mapped_column(default=0)
    """Updates whose results are stored."""
    checkpoint: Mapped[str | None] = mapped_column(Text)
    """URI of the state at `step`; an absolute path where an older release stored it."""
    created_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]


class StudyEvidenceRow(Base):
    """The evidence of a study, stored so that an answer need not read its trials."""

    __tablename__ = "study_evidence"

    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"), primary_key=True)
    version: Mapped[int]
    """EVIDENCE_VERSION of the code that computed it."""
    finished_trials: Mapped[int]
    """Trials that had ended when it was computed: with fewer than the study has, it is old."""
    study_version: Mapped[int]
    """Version of the study when it was computed."""
    summary: Mapped[str] = mapped_column(Text)
    """EvidenceSummary as JSON."""
    curves: Mapped[str] = mapped_column(Text)
    """SensitivityCurves as JSON; apart, for they are long and a recommendation needs none."""
    updated_at: Mapped[dt.datetime]


class GivenPointRow(Base):
    """A point that a study's owner gives to its search."""

    __tablename__ = "given_points"
    __table_args__ = (UniqueConstraint("study_id", "sha256"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"))
    optimizer: Mapped[str] = mapped_column(String(64))
    params: Mapped[dict[str, Any]]
    value: Mapped[float | None]
    """The known value of the point; NULL: to be trained next."""
    source: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    """SHA-256 of optimizer, parameters and value: the same point is stored once."""
    created_at: Mapped[dt.datetime]


class CurveRow(Base):
    __tablename__ = "curves"
    __table_args__ = (
        ForeignKeyConstraint(["study_id", "number"], ["trials.study_id", "trials.number"]),
    )

    study_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(String(32), primary_key=True)
    steps: Mapped[bytes] = mapped_column(LargeBinary)
    """Steps as little-endian int32, ascending."""
    values: Mapped[bytes] = mapped_column(LargeBinary)
    """Values as little-endian float32, finite."""


class OrderRow(Base):
    __tablename__ = "orders"
    __table_args__ = (Index(None, "study_id", "state"),)

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"))
    kind: Mapped[str] = mapped_column(String(16))
    payload: Mapped[dict[str, Any]]
    attempt: Mapped[int]
    losses: Mapped[int] = mapped_column(default=0)
    """Number of times that a worker running it died while the coordinator lived."""
    state: Mapped[str] = mapped_column(String(16))
    message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]


class CoordinateCheckRow(Base):
    __tablename__ = "coordinate_checks"
    __table_args__ = (UniqueConstraint("study_id", "optimizer", "width", "tensor", "seed"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"))
    optimizer: Mapped[str] = mapped_column(String(64))
    tensor: Mapped[str] = mapped_column(Text)
    width: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    update_rms: Mapped[float | None]
    propagation_rms: Mapped[float | None]
    initial_rms: Mapped[float | None]


class StudyEventRow(Base):
    __tablename__ = "study_events"
    __table_args__ = (Index(None, "study_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"))
    kind: Mapped[str] = mapped_column(String(32))
    """`study.state`, `trial.state`, `check.finished`, `order.lost`, ..."""
    data: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime]


class RecommendationRow(Base):
    """An answer of a study as it was stored once; only its decision is ever written."""

    __tablename__ = "recommendations"
    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "study_id"),
        Index(None, "family", "optimizer"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"))
    asked: Mapped[dict[str, Any]]
    """AskedTarget: the fields that the request gave, without those left to the study."""
    family: Mapped[str] = mapped_column(String(80))
    optimizer: Mapped[str] = mapped_column(String(64))
    width: Mapped[int]
    """Width of the target."""
    target: Mapped[dict[str, Any]]
    verdict: Mapped[str] = mapped_column(String(16))
    headline: Mapped[str] = mapped_column(Text)
    provisional: Mapped[bool]
    rule_version: Mapped[str] = mapped_column(Text)
    evidence_version: Mapped[int]
    """EVIDENCE_VERSION of the code that computed the evidence."""
    evidence_sha256: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    """SHA-256 of `document`."""
    document: Mapped[str] = mapped_column(Text)
    """The whole recommendation as canonical JSON."""
    state: Mapped[str] = mapped_column(String(16))
    """A `RecommendationState`."""
    decided_by: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[dt.datetime]
    decided_at: Mapped[dt.datetime | None]


class WorkerRow(Base):
    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    """The coordinator (`tuner`) and each slot (`cpu-0`)."""
    device: Mapped[str] = mapped_column(String(32))
    order_id: Mapped[str | None] = mapped_column(String(128))
    problem: Mapped[str | None] = mapped_column(Text)
    """In words, what keeps it from working; NULL when well."""
    heartbeat_at: Mapped[dt.datetime]


class IdempotencyKeyRow(Base):
    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    """SHA-256 of method, path and body: the same key with another request is refused."""
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"))
    recommendation_id: Mapped[str | None] = mapped_column(ForeignKey("recommendations.id"))
    """The recommendation that the request stored; NULL where it opened the study."""
    created_at: Mapped[dt.datetime]
