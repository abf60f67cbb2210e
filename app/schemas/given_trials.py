"""Hyperparameters that are given to a study's search, and trials that it learns from."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from parametrization.recommendation.record import Record
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.submitted import ReadableText, Submitted

Name = Annotated[ReadableText, Field(max_length=200)]
MOST_POINTS = 1_000


class EnqueuedTrials(Submitted):
    """Hyperparameters to be trained next."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"trials": [{"learning_rate": 0.004}]}]}
    )

    optimizer: Optimizer | None = None
    """One of the study's. Default: its first."""
    trials: tuple[dict[Name, float], ...] = Field(min_length=1, max_length=MOST_POINTS)
    """Hyperparameters at the base width, by name; the sampler proposes those left out, unless it
    is a grid."""


class ImportedTrials(Submitted):
    """Trials of elsewhere that the search is told before its own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "form": "csv",
                    "content": "lr,val_loss\n0.001,2.31\n0.004,2.25\n",
                    "names": {"lr": "learning_rate"},
                    "value_column": "val_loss",
                }
            ]
        }
    )

    form: Literal["csv", "optuna_journal", "optuna_sqlite", "study"]
    """`csv`: with a header; `optuna_journal`: the text of Optuna's journal file; `optuna_sqlite`:
    its SQLite file in Base64; `study`: the id of another study here."""
    content: Annotated[str, Field(min_length=1)]
    optimizer: Optimizer | None = None
    """One of the study's. Default: its first."""
    names: dict[Name, Name] = Field(default={}, max_length=64)
    """Hyperparameters' names here, by those of the content, where they differ."""
    value_column: Name = "value"
    """Column of a CSV with the values of its trials, less being better."""
    optuna_study: Name | None = None
    """Needed where an Optuna storage has several studies."""


class GivenTrials(Record):
    study_id: str
    optimizer: str
    new: int
    """Points that are new."""
    known: int
    """Points that were given before: nothing changes."""


class TrialLeftOut(Record):
    name: str
    reason: str


class TrialsImported(GivenTrials):
    left_out: int
    """Trials that tell this search nothing."""
    left_out_first: tuple[TrialLeftOut, ...]
    """A hundred of them at most, each with the reason."""


class GivenTrial(Record):
    optimizer: str
    params: dict[str, float]
    value: float | None
    """The known value of the point; null: it is to be trained."""
    source: str
    trial: int | None
    """Number of the trial that trains it; null before, and where the value is known."""


class GivenTrialList(Record):
    study_id: str
    trials: tuple[GivenTrial, ...]
    """In the order in which they were given."""
    next_page_token: str | None
    """Give it as `page_token` to go on; null on the last page."""
