"""Define a coordinate check that stands alone: the request, and the result."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import ConfigDict, Field, ValidationError

from app.schemas.evidence import CheckRead, coordinate_check_read
from app.schemas.studies import StudyRead
from parametrization.recommendation.record import Record
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from tuner.evidence.checks.outcome import CheckOutcome, outcome_of
from tuner.evidence.study_evidence import EvidenceSummary
from tuner.records.snapshot import StudyRecord
from tuner.spec.datasets.registry import AnyDataset, default_dataset
from tuner.spec.families.registry import AnyFamily
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.phases.declared import CheckSeeds
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec
from tuner.spec.study_fields import (
    MOST_LABELS,
    LabelText,
    Priority,
    ProjectName,
    usual_check_widths,
)
from tuner.spec.submitted import Submitted
from tuner.spec.target import Width
from tuner.storage.study_list import UnreadableStudy

_OF_CHECK: Final = ("widths", "seeds", "parametrization")
"""Fields that stand in a study's `check`."""
_AS_GIVEN: Final = (
    "name",
    "labels",
    "project",
    "priority",
    "family",
    "dataset",
    "optimizers",
    "policies",
    "base_width",
)
"""Fields that a study has by the same names."""
_FOLLOWING: Final = ("/target/", "/proxy_width", "/measure/")
"""Places in a study that follow from the widths."""


class CheckAsked(Submitted):
    """A model, its optimizers, and what scales them; only the family is required."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"family": {"name": "mlp"}, "optimizers": [{"name": "adamw"}]}]
        }
    )

    name: LabelText = ""
    labels: dict[LabelText, LabelText] = Field(default={}, max_length=MOST_LABELS)
    project: ProjectName = ""
    priority: Priority = 0
    """Higher runs first, before or after studies alike."""
    family: AnyFamily
    dataset: AnyDataset = Field(
        default_factory=lambda data: default_dataset(data["family"].trains_on)
    )
    optimizers: tuple[OptimizerConfig, ...] | None = Field(
        default=None, min_length=1, max_length=16
    )
    """Each is checked on its own, with its fixed hyperparameters and a small learning rate of the
    check's own. Default: adamw."""
    policies: Policies = Policies()
    parametrization: Parametrization = Parametrization.MUP
    """The rules that scale the model with width; `sp`, standard parametrization, is that of most
    code."""
    base_width: Width | None = None
    """Width at which every multiplier is 1. Default: an eighth of the widest that is checked; that
    of the shapes, where the family is given by them."""
    widths: tuple[Width, ...] = Field(default=(), max_length=8)
    """Three or more. Default: four doublings from 64 up."""
    seeds: CheckSeeds | dict[Optimizer, CheckSeeds] | None = None
    """By optimizer, or one number for all. Default: 4; 8 where SGD or its like trains something,
    and for plugins'."""
    batch_size: int = Field(default=16, ge=1, le=65_536)
    """Examples of a step."""

    def to_spec(self) -> StudySpec:
        """The study that checks this and stops.

        Raises:
            ValidationError: if fields contradict each other, at the places of a study: see
                `problems_of`.

        """
        given = {name: getattr(self, name) for name in _AS_GIVEN if name in self.model_fields_set}
        widths = self.widths or usual_check_widths(self.family)
        widest = max(widths)
        return StudySpec.model_validate(
            {name: value for name, value in given.items() if value is not None}
            | {
                "target": {"width": max(widest, self.family.proxy_width(widest))},
                "training": {"batch_size": self.batch_size},
                "check": {name: getattr(self, name) for name in _OF_CHECK},
                "stop_after": "check",
            }
        )


def problems_of(error: ValidationError) -> Iterator[tuple[str, str]]:
    """(JSON pointer into what was asked, what to change) of every contradiction in its study."""
    found = [pair for one in error.errors() for pair in _problems(one)]
    own = [(pointer, words) for pointer, words in found if not pointer.startswith(_FOLLOWING)]
    yield from own or (("/widths", words) for _, words in found)


def _problems(error: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    told = error.get("ctx", {}).get("problems")
    if told is None:
        told = [("/" + "/".join(map(str, error["loc"])), error["msg"])]
    return [(_as_asked(pointer), words) for pointer, words in told]


def _as_asked(pointer: str) -> str:
    for outer in ("/check/", "/training/"):
        if pointer.startswith(outer):
            return "/" + pointer.removeprefix(outer)
    return pointer


class CheckLinks(Record):
    """Paths on this host."""

    self: str
    page: str
    """For people, in a browser."""
    study: str
    """The study that it is: its priority, labels and progress can be read and changed there."""
    events: str


def check_links(study_id: str) -> CheckLinks:
    """Links of one check."""
    study = f"/v1/studies/{study_id}"
    return CheckLinks(
        self=f"/v1/coordinate-checks/{study_id}",
        page=f"/studies/{study_id}",
        study=study,
        events=f"{study}/events",
    )


class CheckSummary(Record):
    id: str
    name: str
    state: StudyState
    outcome: CheckOutcome | None
    """The worst outcome of all optimizers; null until it is completed."""
    reason: str | None
    """The result in words, or the reason of a failure."""
    family: str
    optimizers: tuple[str, ...]
    parametrization: Parametrization
    widths: tuple[int, ...]
    project: str
    labels: dict[str, str]
    owner: str
    priority: int
    fraction: float = Field(ge=0, le=1)
    """Share of optimizers and widths that are done."""
    created_at: dt.datetime
    finished_at: dt.datetime | None
    links: CheckLinks


class CheckList(Record):
    checks: tuple[CheckSummary, ...]
    """Newest first."""
    unreadable: tuple[UnreadableStudy, ...] = ()
    """Those of the page that cannot be read here, each with the reason and the remedy."""
    next_page_token: str | None
    """Give it as `page_token` to go on; null on the last page."""


class StandaloneCheckRead(CheckSummary):
    """A check, and the result of every tensor."""

    checks: tuple[CheckRead, ...]
    """One an optimizer: the verdict in words, likely causes, and slopes by tensor."""
    dataset: AnyDataset
    base_width: int
    seeds: dict[Optimizer, int]
    batch_size: int
    policies: Policies
    problem: str | None
    """The reason why it does not advance right now, in words; null if there is none."""
    pending_reason: str | None
    """In words, what it waits for; null while it holds a slot and when it has ended."""
    eta_seconds: float | None
    """Seconds until it is done, at the pace so far; null before there is one, and when nothing
    runs."""
    version: int
    """Grows with every change of state and every edit; the ETag begins with it."""


def check_summary(
    study: StudyRecord, fraction: float, outcome: CheckOutcome | None
) -> CheckSummary:
    """One row of a list.

    Args:
        fraction: share of optimizers and widths that are done.
        outcome: of all optimizers.

    """
    spec = study.spec
    return CheckSummary(
        id=study.id,
        name=spec.name,
        state=study.state,
        outcome=outcome,
        reason=study.reason,
        family=spec.family.name,
        optimizers=tuple(config.name for config in spec.optimizers),
        parametrization=spec.check.parametrization,
        widths=spec.check_widths,
        project=study.current_project,
        labels=study.current_labels,
        owner=study.owner,
        priority=study.priority,
        fraction=fraction,
        created_at=study.created_at,
        finished_at=study.finished_at,
        links=check_links(study.id),
    )


def standalone_check_read(
    study: StudyRecord, shown: StudyRead, known: EvidenceSummary
) -> StandaloneCheckRead:
    """The whole check.

    Args:
        shown: the same study with its progress.
        known: its evidence.

    """
    spec, progress = study.spec, shown.progress
    summary = check_summary(study, progress.fraction, outcome_of(study, known))
    return StandaloneCheckRead(
        **dict(summary),
        checks=coordinate_check_read(study, known).checks,
        dataset=spec.dataset,
        base_width=spec.base_width,
        seeds={config.name: spec.check_seeds(config.name) for config in spec.optimizers},
        batch_size=spec.training.batch_size,
        policies=spec.policies,
        problem=shown.problem,
        pending_reason=shown.pending_reason,
        eta_seconds=progress.eta_seconds,
        version=shown.version,
    )
