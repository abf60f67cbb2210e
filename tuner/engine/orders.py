"""Define orders: pieces of work that the coordinator hands to an engine.

Every order is a frozen record that survives JSON, so that an engine may live in this machine's
processes or on a cluster, and an order is stored before it starts.
"""

from typing import Annotated, Literal, NewType, TypeAlias

from pydantic import Field

from parametrization.recommendation.record import Record
from parametrization.rules.depth import residual_multiplier
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.scaling.multipliers import Multipliers
from tuner.engine.checkpoints import Checkpoint
from tuner.engine.packing import SOLO, DeviceKind, Packing
from tuner.spec.datasets.registry import AnyDataset
from tuner.spec.dynamics.asked import Dynamics
from tuner.spec.families.registry import AnyFamily
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.study_fields import Training

OrderId = NewType("OrderId", str)


class ModelSpec(Record):
    """A model of one width, and the scaling it is built under."""

    family: AnyFamily
    dataset: AnyDataset
    width: int
    base_width: int
    parametrization: Parametrization
    policies: Policies = Policies()
    base_depth: int | None = None
    """Depth at which branches are multiplied by 1; None: the family's own."""
    batch_multiplier: float = 1.0
    """Batch over the base's as the rules are applied."""
    token_multiplier: float = 1.0
    """Tokens over the base's as the rules are applied."""

    @property
    def depth_multiplier(self) -> float:
        """Depth over the base depth."""
        return self.family.depth / (self.base_depth or self.family.depth)

    @property
    def multipliers(self) -> Multipliers:
        """Model and training over those of the base, along every axis."""
        return Multipliers(
            width=self.width / self.base_width,
            depth=self.depth_multiplier,
            batch=self.batch_multiplier,
            tokens=self.token_multiplier,
        )

    @property
    def branch_multiplier(self) -> float:
        """Factor on every residual branch."""
        if self.parametrization is not Parametrization.MUP:
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


def check_order_id(study_id: str, version: int, optimizer: str, width: int) -> OrderId:
    """Id of the order that checks an optimizer at a width for a study of this version."""
    return OrderId(f"{study_id}-v{version}-check-{optimizer}-{width}")


class ProbeOrder(Record):
    """Measure how trials of one shape train fastest; nothing of them is kept."""

    kind: Literal["probe"] = "probe"
    id: OrderId
    study_id: str
    attempt: int = 1
    trial: TrialSpec
    """Any trial of the shape."""
    trials: int
    """The number of them that wait to be trained."""
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


class DynamicsOrder(Record):
    """Train one trial from its start, and look at its curvature and its gradients' noise."""

    kind: Literal["dynamics"] = "dynamics"
    id: OrderId
    study_id: str
    attempt: int = 1
    trial: TrialSpec
    """The winner, at the width that is looked at."""
    asked: Dynamics

    @property
    def model(self) -> ModelSpec:
        """The model that the order trains."""
        return self.trial.model


AnyOrder: TypeAlias = DescribeOrder | CheckOrder | ProbeOrder | TrainOrder | DynamicsOrder
Order = Annotated[AnyOrder, Field(discriminator="kind")]
