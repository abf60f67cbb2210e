"""Record what a decision about a study asks the storage and the engine to do."""

from typing import Any

from parametrization.recommendation.record import Record
from tuner.engine.orders import AnyOrder
from tuner.records.trials import NewTrial
from tuner.spec.states import StateReason, StudyState, TrialState


class TrialEnding(Record):
    """A trial that a decision ends: pruned at a rung, or given up."""

    number: int
    state: TrialState
    reason: StateReason | None = None
    message: str | None = None


class Promotion(Record):
    """A search trial that a rung's decision lets go on."""

    number: int
    system_attrs: dict[str, Any]
    """Replaces the trial's: pruners keep their notes there."""


class Decision(Record):
    """The next changes to one study; empty if it only has to wait."""

    move_to: StudyState | None = None
    reason: str | None = None
    new_trials: tuple[NewTrial, ...] = ()
    endings: tuple[TrialEnding, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    orders: tuple[AnyOrder, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if the study only has to wait."""
        return self == Decision()
