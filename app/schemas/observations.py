"""The losses of target runs as the API reads and shows them."""

from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, model_validator

from parametrization.recommendation.record import Record
from tuner.records.target_run import (
    PredictedPoint,
    RunJudgement,
    StoredJudgement,
    StoredObservation,
)
from tuner.spec.submitted import Submitted
from tuner.spec.target import Tokens

MOST_OBSERVATIONS: Final = 10_000
"""Losses in one request."""


class ObservedLoss(Submitted):
    """The training loss of the target run at one update."""

    model_config = ConfigDict(allow_inf_nan=True)

    step: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """Number of the update, from 1; its loss is that before it is applied."""
    tokens: Tokens | None = None
    """Tokens seen up to and with that update, in place of its number."""
    loss: Annotated[float, Field(allow_inf_nan=True)] | None
    """Mean over predictions, as the proxies' `train_loss`; null, or not finite, where the run has
    diverged."""

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if self.step is None and self.tokens is None:
            raise ValueError("gives neither step nor tokens: say at which update the loss was")
        if self.loss is not None and self.loss <= 0:
            raise ValueError(
                f"loss {self.loss:g} is not positive: losses are compared by ratios; report the"
                " training loss that the proxies were compared by"
            )
        return self


class ObservedLosses(Submitted):
    """The losses that a target run reports."""

    observations: tuple[ObservedLoss, ...] = Field(min_length=1, max_length=MOST_OBSERVATIONS)
    """In the order of the updates."""


class ObservationsAnswer(RunJudgement):
    recommendation_id: str
    stored: int
    """Losses of this request that are new."""
    ignored: int
    """Those of updates up to the last one that was known before."""


class ObservationList(Record):
    recommendation_id: str
    predicted: tuple[PredictedPoint, ...]
    """The loss as far as it is judged, said before the run begins."""
    observations: tuple[StoredObservation, ...]
    """Losses by step."""
    judgements: tuple[StoredJudgement, ...]
    """Judgements after each report, oldest first; the newest 500. The last one stands."""
    next_page_token: str | None
    """Of the observations; give it as `page_token` to go on; null on the last page."""


def where(index: int, field: str) -> tuple[Any, ...]:
    """Location of one field of a request, for validation errors."""
    return ("body", "observations", index, field)
