"""Define reports: an engine's answers about its orders."""

from typing import Annotated, Literal

from pydantic import Field

from parametrization.recommendation.dynamics import WidthDynamics
from parametrization.recommendation.record import Record
from parametrization.shapes.roles import ModelShape
from tuner.engine.checkpoints import Checkpoint
from tuner.engine.orders import OrderId
from tuner.engine.packing import Packing
from tuner.engine.series import Series
from tuner.spec.states import StateReason


class TrialProgress(Record):
    """Progress of one trial since its last report."""

    number: int
    step: int
    """Updates done in all."""
    loss: float | None
    """The loss that the family is compared by, of the steps done so far; None once diverged."""
    validation_loss: float | None
    diverged: bool = False
    """The loss or the parameters left the finite numbers, at `step`; the trial is over."""
    checkpoint: Checkpoint | None
    """State at `step`; None if the trial is over."""
    curves: tuple[Series, ...]


class CoordinateStatistic(Record):
    """One tensor's coordinate-check statistics at one width and seed, or one activation's."""

    tensor: str
    width: int
    seed: int
    update_rms: float | None
    """D: rms of dW(t) x(t), zero readout: sees a wrong learning rate. Of an activation its change.
    None where the probe batch does not use the tensor."""
    propagation_rms: float | None
    """P: rms of W0 (x(t) - x(0)), non-zero readout: sees a wrong init. None for vectors."""
    initial_rms: float | None = None
    """Of the initial tensor times its forward multiplier, or of the activation at step 0. None in
    what was measured before this was."""


class Reached(Record):
    """A rung on the way: checkpoints are stored, the order goes on."""

    kind: Literal["reached"] = "reached"
    order_id: OrderId
    attempt: int
    trials: tuple[TrialProgress, ...]


class Done(Record):
    """The order is finished. Which field is filled follows from the order's kind."""

    kind: Literal["done"] = "done"
    order_id: OrderId
    attempt: int
    trials: tuple[TrialProgress, ...] = ()
    statistics: tuple[CoordinateStatistic, ...] = ()
    shape: ModelShape | None = None
    data_sha256: str | None = None
    """Of everything that batches are made of; with the shape."""
    packing: Packing | None = None
    dynamics: WidthDynamics | None = None


class Failed(Record):
    """The order ended in an error that would come again; its process is well."""

    kind: Literal["failed"] = "failed"
    order_id: OrderId
    attempt: int
    reason: StateReason
    message: str
    checkpoint: str | None = None
    """URI of the one that is missing or damaged, where that is the reason."""


class Lost(Record):
    """The worker that ran the order died: the order may be started again."""

    kind: Literal["lost"] = "lost"
    order_id: OrderId
    attempt: int
    message: str
    is_of_slot: bool = False
    """The slot is to blame, not the order: it does not count among the order's losses."""


Report = Annotated[Reached | Done | Failed | Lost, Field(discriminator="kind")]
