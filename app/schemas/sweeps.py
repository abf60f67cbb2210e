"""Define the API's records of tables of losses."""

from typing import Annotated, Literal

from pydantic import Field

from app.schemas.links import StudyLinks, study_links
from parametrization.recommendation.evidence import Drift, Prediction, WidthOptimum
from parametrization.recommendation.record import Record
from parametrization.recommendation.trust import Reason
from parametrization.recommendation.values import PredictedLoss
from parametrization.sweeps.analysis import Analysis
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.submitted import ReadableText, Submitted
from tuner.spec.target import Width


class SweepAsked(Submitted):
    """A table of losses, and the width to carry its learning rate to."""

    table: Annotated[str, Field(min_length=1, max_length=900_000)]
    """CSV: a row for every run, with its width, learning rate and loss; docs/cli.md says by which
    names columns are recognised."""
    target_width: Width
    loss: Annotated[str, Field(max_length=200)] | None = None
    """The column to take as the loss; default: by its name."""
    optimizer: Optimizer = "adamw"
    """Optimizer that the runs were trained by; the study is listed under it."""
    name: Annotated[ReadableText, Field(max_length=200)] = ""


class SweepRate(Record):
    """The learning rate for the target, as the table counts it."""

    value: float
    low: float
    high: float
    """Upper end of the 90 % interval; `low` is its lower end."""


class SweepRead(Record):
    """The answer of one sweep for a width."""

    study_id: str
    where: dict[str, str]
    """Values that set its rows apart in the table, by column."""
    target_width: int
    verdict: Literal["recommend", "caution", "abstain"]
    reasons: tuple[Reason, ...]
    learning_rate: SweepRate | None
    """Null where no optimum is known."""
    optima: tuple[WidthOptimum, ...]
    drift: Drift | None
    prediction: Prediction | None
    predicted_regret_percent: float | None
    predicted_loss: PredictedLoss | None
    said: tuple[str, ...]
    """Sentences about what is missing."""
    links: StudyLinks


class SweepsRead(Record):
    """Every sweep of a table, each stored as a completed study."""

    sweeps: tuple[SweepRead, ...]
    rows: int
    said: tuple[str, ...]
    """Sentences about what was chosen or left out of the table."""


def sweep_read(study_id: str, analysis: Analysis) -> SweepRead:
    """The answer of one stored sweep."""
    return SweepRead.model_validate(
        analysis.document | {"study_id": study_id, "links": study_links(study_id)}
    )
