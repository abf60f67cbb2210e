"""What a user asks for: one study, with a default for everything but family and target."""

from typing import Annotated, Literal, Self, cast

from pydantic import Field, PositiveFloat, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from parametrization.check.words import sized_by_gradient
from parametrization.optimizers.built_in.adam import ADAMW
from parametrization.optimizers.registry import PLUGINS, declared
from parametrization.scaling.companions import assignment_of
from parametrization.scaling.schedule import ScheduleShape
from tuner.spec.contradictions import contradictions
from tuner.spec.families.catalogue import DATASETS, AnyDataset, Dataset, Family, smallest_width
from tuner.spec.optimizer_name import Optimizer
from tuner.spec.optimizers import RECORDS, OptimizerConfig
from tuner.spec.policies import PolicyChoices
from tuner.spec.record import Record
from tuner.spec.target import Proxies, Target, WholeTarget, Width, filled


class Schedule(Record):
    """Learning-rate schedule in fractions of training."""

    shape: ScheduleShape = ScheduleShape.LINEAR
    warmup_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1
    decay_fraction: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of training spent decaying; read by the shape `wsd` alone."""
    final_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0


class Training(Record):
    """How every trial of the study trains."""

    steps: int = Field(default=200, ge=8, le=10_000_000)
    batch_size: int = Field(default=16, ge=1, le=65_536)
    """Sequences or images per step."""
    gradient_clip_norm: PositiveFloat | None = None
    schedule: Schedule = Schedule()
    precision: Literal["fp32", "bf16"] = "fp32"
    """`bf16` computes the forward and backward pass of the layers in bfloat16, with weights,
    gradients and optimizer state in fp32. The coordinate check stays in fp32."""
    accumulation: int = Field(default=1, ge=1, le=65_536)
    """Microbatches per update: less memory for the same gradient. Where a model has batch
    statistics (BatchNorm), they are those of a microbatch, and the gradient is not the same."""
    activation_checkpointing: bool = False
    """Compute the activations inside blocks again in the backward pass instead of keeping them:
    less memory, about a third more time, the same numbers."""


class Check(Record):
    """The coordinate check that runs before search money is spent."""

    widths: tuple[Width, ...] = Field(default=(), max_length=8)
    """Default: four doublings from 64 up."""
    seeds: int | None = Field(default=None, ge=4, le=32)
    """Default: 4; 8 where SGD or its like trains something, whose slopes are noisier, and for
    plugins'."""


class Search(Record):
    """Optuna's search at the proxy width, in logical batches."""

    trials: int = Field(default=16, ge=1, le=10_000)
    batch_size: int = Field(default=8, ge=1, le=1_024)
    """Trials proposed together: the next proposal waits for the whole batch."""
    sampler: Literal["tpe", "random", "qmc", "grid", "cmaes", "gp"] = "tpe"
    pruner: Literal["none", "median", "successive_halving", "hyperband"] = "median"


class Measure(Record):
    """The shared learning-rate grid around the winner, at several widths."""

    widths: tuple[Width, ...] = Field(default=(), max_length=8)
    """Default: the proxy width and its next two doublings."""
    seeds: int = Field(default=2, ge=2, le=32)
    grid_factor: float = Field(default=2.0, gt=1.0, le=8.0)
    """Ratio of neighbouring learning rates."""
    grid_points: int = Field(default=7, ge=5, le=33)


class StudySpec(Record):
    """One study as stored: every default filled in."""

    name: str = Field(default="", max_length=200)
    labels: dict[str, Annotated[str, Field(max_length=200)]] = Field(default={}, max_length=32)
    priority: int = Field(default=0, ge=-100, le=100)
    """Higher runs first."""
    family: Family
    dataset: Dataset = Field(default_factory=lambda data: _default_dataset(data["family"]))
    training: Training = Training()
    target: Target
    proxy_width: Width = Field(
        default_factory=lambda data: smallest_width(
            data["family"], max(1, data["target"].width // 8)
        )
    )
    """Width of the trials that search. Default: an eighth of the target's."""
    base_width: Width = Field(default_factory=lambda data: data["proxy_width"])
    """Width at which every multiplier is 1. Default: the proxy's."""
    optimizers: tuple[OptimizerConfig, ...] = Field(
        default=(RECORDS[ADAMW.name].model_validate({"name": ADAMW.name}),),
        min_length=1,
        max_length=16,
    )
    policies: PolicyChoices = PolicyChoices()
    check: Check = Check()
    search: Search = Search()
    measure: Measure = Measure()
    control: Literal["none", "sp"] = "none"
    """`sp` repeats the measurement under the standard parametrization."""
    at_target: bool = False
    """Measure at the target width too (the proxies' depth, batch and steps): for demonstrations and
    benchmarks."""
    on_failed_check: Literal["stop", "warn"] = "stop"
    packing: Literal["solo", "measured"] = "measured"
    """`measured` trains trials of one shape together wherever a probe finds that faster, with
    curves that agree with those of `solo`, one by one, within rounding. What the probe chose is
    stored: the same study on the same machine gives the same bits either way."""
    seed: int = Field(default=0, ge=0, lt=2**31)

    @field_validator("target")
    @classmethod
    def _has_every_number(cls, target: Target, info: ValidationInfo) -> Target:
        if "family" not in info.data or "training" not in info.data:
            return target
        whole = filled(target, _proxies(info.data["family"], info.data["training"])).model_dump()
        return target.model_copy(update=whole | target.model_dump(exclude_none=True))

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if problems := list(contradictions(self)):
            raise PydanticCustomError(
                "fields_disagree",
                "{summary}",
                {"summary": "; ".join(text for _, text in problems), "problems": problems},
            )
        return self

    @property
    def proxies(self) -> Proxies:
        """Depth, batch and duration of every trial: the base of the target's."""
        return _proxies(self.family, self.training)

    @property
    def whole_target(self) -> WholeTarget:
        """The target; `target` as stored has the same numbers."""
        return filled(self.target, self.proxies)

    @property
    def check_widths(self) -> tuple[int, ...]:
        """Widths of the coordinate check, narrowest first."""
        if self.check.widths:
            return tuple(sorted(self.check.widths))
        first = smallest_width(self.family, 64)
        return tuple(first * 2**doubling for doubling in range(4))

    def check_seeds(self, optimizer: Optimizer) -> int:
        """Seeds of the coordinate check for this optimizer."""
        trained_by = assignment_of(optimizer).optimizers
        noisier = any(map(sized_by_gradient, trained_by)) or optimizer in PLUGINS.usable
        return self.check.seeds or (8 if noisier else 4)

    def training_by(self, optimizer: Optimizer) -> Training:
        """How this optimizer trains: at a constant rate if it averages instead of decaying."""
        if declared(optimizer).decays:
            return self.training
        schedule = self.training.schedule.model_copy(update={"shape": ScheduleShape.CONSTANT})
        return self.training.model_copy(update={"schedule": schedule})

    @property
    def measure_widths(self) -> tuple[int, ...]:
        """Widths of the learning-rate grid, narrowest first; the target's only if `at_target`."""
        widths = set(self.measure.widths or (self.proxy_width * 2**n for n in range(3)))
        return tuple(sorted(widths | ({self.target.width} if self.at_target else set())))

    @property
    def rungs(self) -> tuple[int, ...]:
        """Steps at which a trial stores a checkpoint and a pruner may act; the last is the end."""
        steps = self.training.steps
        return tuple(sorted({max(1, steps // 4), max(1, steps // 2), steps}))


def _proxies(family: Family, training: Training) -> Proxies:
    return Proxies(
        depth=family.depth,
        batch_size=training.batch_size,
        steps=training.steps,
        tokens_per_example=family.tokens_per_example,
    )


def _default_dataset(family: Family) -> AnyDataset:
    name = family.datasets[0]
    return cast(AnyDataset, DATASETS[name].model_validate({"name": name}))
