"""What the coordinator and whatever trains say to each other: orders out, reports back.

Every message is a frozen record that survives JSON, so that an engine may live in this
machine's processes or on a cluster, and an order is stored before it starts.
"""

from typing import Annotated, Final, Literal, NewType, Protocol, TypeAlias

from pydantic import Field

from parametrization.rules.depth import residual_multiplier
from parametrization.rules.parametrization import Parametrization
from parametrization.shapes.roles import ModelShape
from tuner.engine.checkpoints import Checkpoint
from tuner.engine.series import Series
from tuner.spec.datasets.registry import AnyDataset
from tuner.spec.families.registry import AnyFamily
from tuner.spec.optimizer_name import Optimizer
from tuner.spec.policies import PolicyChoices
from tuner.spec.record import Record
from tuner.spec.states import StateReason
from tuner.spec.study_fields import Training

OrderId = NewType("OrderId", str)
DeviceKind: TypeAlias = Literal["cpu", "cuda"]
"""torch's name of a kind of device."""


class Slot(Record):
    """One place where a cohort can run: a GPU, part of one, or a CPU core."""

    name: str
    """Unique within the engine, for people: `cpu-0`, `cuda-1`."""
    device: str
    """torch's name of the device: `cpu`, `cuda:1`."""
    device_kind: DeviceKind
    memory_bytes: int | None = None
    """Most that an order may allocate; None where the engine sets no limit."""
    busy_with: OrderId | None = None


class ModelSpec(Record):
    """A model of one width, and the scaling it is built under."""

    family: AnyFamily
    dataset: AnyDataset
    width: int
    base_width: int
    parametrization: Parametrization
    policies: PolicyChoices = PolicyChoices()
    base_depth: int | None = None
    """Depth at which branches are multiplied by 1; None: the family's own."""

    @property
    def depth_multiplier(self) -> float:
        """Depth over the base depth."""
        return self.family.depth / (self.base_depth or self.family.depth)

    @property
    def branch_multiplier(self) -> float:
        """Factor on every residual branch."""
        if self.parametrization is Parametrization.SP:
            return 1.0
        policies = self.policies
        return residual_multiplier(policies.depth_rule, policies.alpha, self.depth_multiplier)


class TrialSpec(Record):
    """Everything that training one trial depends on."""

    number: int
    """The trial's number within its study."""
    model: ModelSpec
    optimizer: Optimizer
    hyperparameters: dict[str, float]
    """Every hyperparameter of the optimizer plus init_std and output_multiplier, as numbers."""
    training: Training
    seed: int
    """Seeds initialisation and the order of the data; equal at every width, so trials pair up."""


class OpenTrial(Record):
    """A trial of an order and the checkpoint it goes on from."""

    spec: TrialSpec
    start: Checkpoint | None = None


class Packing(Record):
    """How trials of one shape train fastest on one kind of device, as a probe measured it."""

    way: Literal["solo", "fused", "compiled"]
    """One after another; as one program; as one program that a compiler made."""
    least: int
    """Fewer trials than this train one after another."""
    most: int
    """Trials of one order."""
    speedup: float | None = None
    """Trial-steps a second of `most` together over those of one trial alone; 0 if they cannot, None
    where measuring it would have cost more than it could save."""
    device: str
    """torch's kind of device: `cpu`, `cuda`."""

    @property
    def words(self) -> str:
        """What was chosen, for people.

        >>> Packing(way="fused", least=2, most=32, speedup=2.41, device="cpu").words
        'fused K=32: 2.4x solo here'

        """
        if self.speedup is None:
            return "solo: training together could not save what finding out would cost"
        if self.speedup == 0:
            return "solo: such trials cannot train together"
        if self.way == "solo":
            return f"solo: together would be {self.speedup:.1f}x as fast here"
        return f"{self.way} K={self.most}: {self.speedup:.1f}x solo here"


SOLO: Final = Packing(way="solo", least=2, most=1, device="cpu")
"""One trial an order, as long as nothing faster is known."""


class DescribeOrder(Record):
    """Build the model on the meta device and hand back its tensors, roles and base shapes."""

    kind: Literal["describe"] = "describe"
    id: OrderId
    study_id: str
    attempt: int = 1
    model: ModelSpec


class CheckOrder(Record):
    """Take the coordinate check's statistics at one width for every seed."""

    kind: Literal["check"] = "check"
    id: OrderId
    study_id: str
    attempt: int = 1
    model: ModelSpec
    optimizer: Optimizer
    hyperparameters: dict[str, float]
    """As in TrialSpec; the learning rate is the check's own, small one."""
    batch_size: int
    seeds: tuple[int, ...]
    steps: int = 4


class ProbeOrder(Record):
    """Measure how trials of one shape train fastest; nothing of them is kept."""

    kind: Literal["probe"] = "probe"
    id: OrderId
    study_id: str
    attempt: int = 1
    trial: TrialSpec
    """Any trial of the shape."""
    trials: int
    """How many of them wait to be trained."""
    device_kind: DeviceKind
    """Kind of device to measure on."""


class TrainOrder(Record):
    """Train a cohort of equal-shaped trials on to `to_step`, one rung segment."""

    kind: Literal["train"] = "train"
    id: OrderId
    study_id: str
    attempt: int = 1
    trials: tuple[OpenTrial, ...]
    rungs: tuple[int, ...]
    """Ascending steps to checkpoint and report at, all beyond the start; the last is the goal."""
    packing: Packing = SOLO

    @property
    def to_step(self) -> int:
        """The step at which the order is done."""
        return self.rungs[-1]


AnyOrder: TypeAlias = DescribeOrder | CheckOrder | ProbeOrder | TrainOrder
Order = Annotated[AnyOrder, Field(discriminator="kind")]


class TrialProgress(Record):
    """What one trial has done since its last report."""

    number: int
    step: int
    """Updates done in all."""
    loss: float | None
    """What the family is compared by, of the steps done so far; None once diverged."""
    validation_loss: float | None
    diverged: bool = False
    """The loss or the parameters left the finite numbers, at `step`; the trial is over."""
    checkpoint: Checkpoint | None
    """State at `step`; None if the trial is over."""
    curves: tuple[Series, ...]


class CoordinateStatistic(Record):
    """One tensor's coordinate-check statistics at one width and seed (transfer.md)."""

    tensor: str
    width: int
    seed: int
    update_rms: float
    """D: rms of dW(t) x(t), zero readout: sees a wrong learning rate."""
    propagation_rms: float | None
    """P: rms of W0 (x(t) - x(0)), non-zero readout: sees a wrong init. None for vectors."""


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
    packing: Packing | None = None


class Failed(Record):
    """The order ended in an error that would come again; its process is well."""

    kind: Literal["failed"] = "failed"
    order_id: OrderId
    attempt: int
    reason: StateReason
    message: str


class Lost(Record):
    """The worker that ran the order died: the order may be started again."""

    kind: Literal["lost"] = "lost"
    order_id: OrderId
    attempt: int
    message: str


Report = Annotated[Reached | Done | Failed | Lost, Field(discriminator="kind")]


class Engine(Protocol):
    """Where orders run. Only `wait` blocks."""

    def slots(self) -> tuple[Slot, ...]:
        """Every slot there is now, busy or free."""

    def start(self, order: AnyOrder) -> None:
        """Hand an order to a free slot; idempotent by (order id, attempt).

        Raises:
            RuntimeError: if no slot is free.

        """

    def cancel(self, order_id: OrderId) -> None:
        """End the process that runs the order; no report of it follows. Unknown ids are ignored."""

    def wait(self, timeout_seconds: float) -> list[Reached | Done | Failed | Lost]:
        """Reports since the last call, as soon as there is one, or [] after the timeout."""

    def close(self) -> None:
        """End every process of the engine."""
