"""The fields of a study's specification, and values derived from them."""

import math
from dataclasses import replace
from typing import Annotated, Final, Literal, Self

from pydantic import Field, PositiveFloat, ValidationInfo, field_validator

from parametrization.check import usual_settings
from parametrization.optimizers.built_in.adam import ADAMW
from parametrization.optimizers.registry import declared
from parametrization.recommendation.target import Comparison, WholeTarget
from parametrization.rules.policies import Policies
from parametrization.scaling.schedule import Schedule
from tuner.spec.axes.cell import Cell
from tuner.spec.budget import Budget
from tuner.spec.datasets.registry import AnyDataset, default_dataset
from tuner.spec.dynamics.asked import Dynamics
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.families.registry import AnyFamily
from tuner.spec.optimizers.distributions import Distribution
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.optimizers.records import RECORDS, OptimizerConfig
from tuner.spec.phases.declared import Check, Measure, Search
from tuner.spec.phases.searched_training import (
    NUMBERS,
    OF_SCHEDULES,
    Drawn,
    ShapeChoices,
    fields_drawn,
)
from tuner.spec.submitted import ReadableText, Submitted
from tuner.spec.target import (
    Proxies,
    Target,
    Width,
    filled,
)

LabelText = Annotated[ReadableText, Field(max_length=200)]
ProjectName = Annotated[ReadableText, Field(max_length=200)]
Priority = Annotated[int, Field(ge=-100, le=100)]
MOST_LABELS: Final = 32
HALF: Final = 0.5


class Training(Submitted):
    """Training of every trial of the study."""

    steps: int = Field(default=200, ge=8, le=10_000_000)
    batch_size: int = Field(default=16, ge=1, le=65_536)
    """Sequences or images per step, once a batch that grows has done so."""
    gradient_clip_norm: PositiveFloat | None = None
    """Largest global norm of the gradient; clip in one way at most."""
    gradient_clip_value: PositiveFloat | None = None
    """Largest size of an entry of the gradient."""
    gradient_clip_percentile: Annotated[float, Field(gt=0, le=100)] | None = None
    """The global norm is clipped at this percentile of those of the 512 updates before."""
    average_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    """Memory of an exponential moving average of the weights, as a share of training: trials are
    validated with the average. Default: none."""
    schedule: Schedule = Schedule()
    compared_over: float = Field(default=HALF, gt=0, le=1)
    """Share of training, its last one, whose mean train loss the trials are compared by. Default:
    0.5; 0.1 where the search draws fields of `training`, because schedules that fall late are right
    at the end alone."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """`bf16` computes the forward and backward pass of the layers in bfloat16, with weights,
    gradients and optimizer state in fp32. The coordinate check stays in fp32."""
    accumulation: int = Field(default=1, ge=1, le=65_536)
    """Microbatches per update: less memory for the same gradient. Where a model has batch
    statistics (BatchNorm), they are those of a microbatch, and the gradient is not the same."""
    activation_checkpointing: bool = False
    """Compute the activations inside blocks again in the backward pass instead of keeping them:
    less memory, about a third more time, the same numbers."""

    @property
    def clips(self) -> bool:
        """True if gradients are clipped."""
        limits = (self.gradient_clip_norm, self.gradient_clip_value, self.gradient_clip_percentile)
        return any(limit is not None for limit in limits)

    def batch_size_at(self, step: int) -> int:
        """Examples of update number `step` (0-based): all microbatches are equally large."""
        return self.schedule.batch_size(step, self.steps, self.batch_size, self.accumulation)

    def compared_from(self, updates: int) -> int:
        """The first of so many updates (0-based) whose losses count in a comparison."""
        return min(updates - 1, math.floor(updates * (1 - self.compared_over)))

    def with_drawn(self, drawn: Drawn) -> "Training":
        """The same with values that a search has drawn."""
        return self.model_copy(update=fields_drawn(self.schedule, drawn)) if drawn else self

    def value_of(self, name: str) -> float | str | None:
        """A field by the name that a search has for it; None where it is not set."""
        if name.startswith(NUMBERS):
            return self.schedule.numbers.get(name.removeprefix(NUMBERS))
        holder = self.schedule if name in OF_SCHEDULES else self
        value: float | str | None = getattr(holder, name)
        return value

    @property
    def at_full_batch(self) -> "Training":
        """The same with a batch that does not grow."""
        if not self.schedule.grows_batch:
            return self
        schedule = replace(self.schedule.without_decay, batch_warmup_fraction=0.0)
        return self.model_copy(update={"schedule": schedule})


class StudyFields(Submitted):
    """Every field of a study; `StudySpec` checks them against each other."""

    name: Annotated[ReadableText, Field(max_length=200)] = ""
    labels: dict[LabelText, LabelText] = Field(default={}, max_length=MOST_LABELS)
    project: ProjectName = ""
    """Project of the study; lists can be filtered by it."""
    priority: Priority = 0
    """Higher runs first."""
    family: AnyFamily
    dataset: AnyDataset = Field(
        default_factory=lambda data: default_dataset(data["family"].trains_on)
    )
    training: Training = Training()
    target: Target
    proxy_width: Width = Field(
        default_factory=lambda data: data["family"].proxy_width(data["target"].width)
    )
    """Width of the trials that search. Default: an eighth of the target's; the base width of an own
    task, and of given shapes."""
    base_width: Width = Field(
        default_factory=lambda data: _own_base_width(data["family"]) or data["proxy_width"]
    )
    """Width at which every multiplier is 1. Default: the proxy's; that of the shapes, where the
    family is given by them."""
    optimizers: tuple[OptimizerConfig, ...] = Field(
        default=(RECORDS[ADAMW.name].model_validate({"name": ADAMW.name}),),
        min_length=1,
        max_length=16,
    )
    policies: Policies = Policies()
    check: Check = Check()
    search: Search = Field(default=Search(), validate_default=True)
    measure: Measure = Measure()
    budget: Budget | None = None
    """The most that the trials may take. What is left out of `proxy_width`, `training.steps` and
    `search.trials` is then planned by it."""
    prior: Annotated[str, Field(max_length=64, pattern=r"^std_[A-Za-z0-9_-]+$")] | None = None
    """A completed study of yours: the search begins around its optimum."""
    control: Literal["none", "sp", "sp+embedding"] = "none"
    """Measure the standard parametrization too; `+embedding`: with muP's rate of the embedding."""
    at_target: bool = False
    """Measure at the target width too (the proxies' depth, batch and steps): for demonstrations and
    benchmarks."""
    dynamics: Dynamics | bool = False
    """Measure curvature, noise of gradients and the edge of stability along the winner's training,
    once at every measured width; `true` for the defaults. As stored: an object, or false."""
    on_failed_check: Literal["stop", "warn"] = "stop"
    stop_after: Literal["check"] | None = None
    """`check`: only the coordinate check runs, and ends the study. Default: every phase runs."""
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

    @field_validator("search")
    @classmethod
    def _has_a_pruner(cls, search: Search, info: ValidationInfo) -> Search:
        """The family's own pruner by default; none where schedules are searched."""
        if "family" not in info.data or "pruner" in search.model_fields_set:
            return search
        pruner = "none" if search.training else info.data["family"].default_pruner
        return search.model_copy(update={"pruner": pruner})

    @field_validator("dynamics")
    @classmethod
    def _has_numbers(cls, dynamics: Dynamics | bool) -> Dynamics | bool:
        return Dynamics() if dynamics is True else dynamics

    @property
    def proxies(self) -> Proxies:
        """Depth, batch and duration of every trial: the base of the target's."""
        return _proxies(self.family, self.training)

    @property
    def whole_target(self) -> WholeTarget:
        """The target; `target` as stored has the same numbers."""
        return filled(self.target, self.proxies)

    @property
    def only_checks(self) -> bool:
        """True if nothing is searched: the study ends with its coordinate check."""
        return self.stop_after == "check"

    @property
    def check_widths(self) -> tuple[int, ...]:
        """Widths of the coordinate check, narrowest first."""
        return tuple(sorted(self.check.widths)) or usual_check_widths(self.family)

    def check_seeds(self, optimizer: Optimizer) -> int:
        """Seeds of the coordinate check for this optimizer."""
        given = self.check.seeds
        if isinstance(given, int):
            return given
        if given is not None and optimizer in given:
            return given[optimizer]
        return usual_settings.check_seeds(optimizer)

    def training_by(self, optimizer: Optimizer, drawn: Drawn | None = None) -> Training:
        """Training by this optimizer: at a constant rate if it averages instead of decaying.

        Args:
            drawn: what its search has drawn; None: the study's own.

        """
        training = self.training.with_drawn(drawn or {})
        if declared(optimizer).decays:
            return training
        return training.model_copy(update={"schedule": training.schedule.without_decay})

    def searched_training(self, optimizer: Optimizer) -> dict[str, Distribution | ShapeChoices]:
        """Training settings that this optimizer's search draws, by name."""
        return self.search.training.given_to(optimizer) if self.search.training else {}

    @property
    def comparison(self) -> Comparison:
        """The measure that its trials are compared by."""
        own, share = self.family.comparison, self.training.compared_over
        if own.metric != "train_loss" or share == HALF:
            return own
        words = f"mean train loss over the last {100 * share:.3g} % of training"
        return own.model_copy(update={"words": words})

    @property
    def measure_widths(self) -> tuple[int, ...]:
        """Widths of the learning-rate grid, narrowest first; the target's only if `at_target`."""
        widths = set(self.measure.widths or (self.proxy_width * 2**n for n in range(3)))
        return tuple(sorted(widths | ({self.target.width} if self.at_target else set())))

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Depth, batch and duration of the trials that measure other axes than width."""
        return self.measure.axes.cells(self.proxies)

    def at(self, cell: Cell | None) -> Self:
        """The same for trials of a cell; None: of the study's own."""
        if cell is None:
            return self
        sizes = {"steps": cell.steps, "batch_size": cell.batch_size}
        return self.model_copy(
            update={
                "family": self.family.model_copy(update={"depth": cell.depth}),
                "training": self.training.model_copy(update=sizes),
            }
        )

    @property
    def rungs(self) -> tuple[int, ...]:
        """Steps at which a trial stores a checkpoint and a pruner may act; the last is the end."""
        steps = self.training.steps
        if self.family.trains_in_one_piece:
            return (steps,)
        return tuple(sorted({max(1, steps // 4), max(1, steps // 2), steps}))


def usual_check_widths(family: ModelFamily) -> tuple[int, ...]:
    """Widths of a coordinate check that names none, narrowest first."""
    first = family.smallest_width(64)
    return tuple(first * 2**doubling for doubling in range(4))


def _own_base_width(family: ModelFamily) -> int | None:
    return family.given_shape.base_width if family.given_shape else None


def _proxies(family: ModelFamily, training: Training) -> Proxies:
    return Proxies(
        depth=family.depth,
        batch_size=training.batch_size,
        steps=training.steps,
        tokens_per_example=family.tokens_per_example,
    )
