"""The phases of a study: check, search and measurement."""

from typing import Annotated, Literal

from pydantic import Field

from parametrization.rules.parametrization import Parametrization
from tuner.spec.axes.measured_axes import MeasuredAxes
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.phases.searched_training import SearchedTraining
from tuner.spec.submitted import Submitted
from tuner.spec.target import Width

CheckSeeds = Annotated[int, Field(ge=4, le=32)]


class Check(Submitted):
    """The coordinate check that runs before search money is spent."""

    widths: tuple[Width, ...] = Field(default=(), max_length=8)
    """Default: four doublings from 64 up."""
    seeds: CheckSeeds | dict[Optimizer, CheckSeeds] | None = None
    """By optimizer, or one number for all. Default: 4; 8 where SGD or its like trains something,
    whose slopes are noisier, and for plugins'. As stored: by optimizer."""
    parametrization: Parametrization = Parametrization.MUP
    """Parametrization of the model; other than `mup`, which studies search under, only where the
    study stops after its check."""


class Search(Submitted):
    """Optuna's search at the proxy width, in logical batches."""

    trials: int = Field(default=16, ge=1, le=10_000)
    batch_size: int = Field(default=8, ge=1, le=1_024)
    """Trials proposed together; the next proposal waits for all of them. Default: 8; on GPUs 32."""
    sampler: Literal["tpe", "random", "qmc", "grid", "cmaes", "gp"] = "tpe"
    pruner: Literal["none", "median", "successive_halving", "hyperband"] = "median"
    """Default: `median`; `none` for the family `external`, and with `training`: schedules that fall
    late look bad on the way."""
    training: SearchedTraining | None = None
    """Fields of `training` that are searched beside the hyperparameters. Default: none."""
    confirm: bool = True
    """Values searched beside the learning rate are trained again with fresh seeds, at the two
    narrowest widths that are measured, against the defaults: it is recommended only if it is better
    at both, else the defaults are kept."""


class Measure(Submitted):
    """Learning rates around the winner, tried at several widths with fresh seeds."""

    plan: Literal["adaptive", "grid"] | None = None
    """`grid` tries the same rates at every width. There are `grid_points`, each with `seeds` seeds.
    `adaptive` begins with five rates a width and goes on where a trial takes most of the target's
    uncertainty away for its FLOPs, until one of `interval_octaves`, `regret_percent` and
    `grid_share` is reached or more trials would add little. Default: `grid` where `seeds` or
    `grid_points` is not the default, and with `control` or `at_target`, which compare curves rate
    by rate; else `adaptive`. As stored: never null."""
    widths: tuple[Width, ...] = Field(default=(), max_length=8)
    """Default: the proxy width and its next two doublings. The target's is added if the study
    measures `at_target`."""
    seeds: int = Field(default=2, ge=2, le=32)
    grid_factor: float = Field(default=2.0, gt=1.0, le=8.0)
    """Ratio of neighbouring learning rates; `adaptive` halves it near the optimum, in octaves."""
    grid_points: int = Field(default=7, ge=5, le=33)
    interval_octaves: Annotated[float, Field(gt=0, le=16)] | None = None
    """`adaptive` stops once the target's 90 % interval is so narrow; null: however wide it is."""
    regret_percent: Annotated[float, Field(gt=0, le=100)] | None = 1.0
    """`adaptive` stops once the learning rate's uncertainty is expected to cost so little of the
    target's loss; null: whatever it costs."""
    grid_share: float = Field(default=1.0, gt=0, le=16)
    """The most that `adaptive` may take, as a share of the FLOPs of `grid`; the trials that it
    begins with are run in any case."""
    axes: MeasuredAxes = MeasuredAxes()
    """Depth, batch and tokens whose best rate is measured too, at the proxy width. Default: none; a
    rule alone carries them."""

    def planned(self, *, compares_curves: bool) -> "Measure":
        """The same with its plan filled in."""
        if self.plan is not None:
            return self
        default = type(self)()
        asks_grid = (self.seeds, self.grid_points) != (default.seeds, default.grid_points)
        plan: Literal["adaptive", "grid"] = "grid" if asks_grid or compares_curves else "adaptive"
        return self.model_copy(update={"plan": plan})
