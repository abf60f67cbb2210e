"""Choose each tensor's update function and its numbers for a cohort."""

from collections.abc import Hashable, Mapping
from typing import Final, NamedTuple, TypeAlias

from torch import Tensor

from parametrization.nn.stepping import Stepping
from parametrization.nn.updates.registry import named
from parametrization.nn.updates.update import (
    CoupledOptimizer,
    CurvatureOptimizer,
    GradientOptimizer,
)
from parametrization.optimizers.built_in.adam import ADAM, ADAMW
from parametrization.optimizers.built_in.sgd import SGD
from parametrization.optimizers.registry import declared
from parametrization.shapes.roles import Layout
from workers.training.trial import RunningTrial

PureOptimizer: TypeAlias = GradientOptimizer | CoupledOptimizer
COUNTER: Final = "step"
"""torch's name for Adam's count of updates, and ours."""
_ADAM_STATE: Final = {COUNTER: COUNTER, "mean": "exp_avg", "mean_square": "exp_avg_sq"}
_TORCHS_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    ADAM.name: _ADAM_STATE,
    ADAMW.name: _ADAM_STATE,
    SGD.name: {"velocity": "momentum_buffer"},
}
"""Of torch's own optimizers: torch's name for each part of their twin's state."""


class Kind(NamedTuple):
    """The update of a tensor: the same in every trial of a cohort."""

    optimizer: PureOptimizer
    layout: Layout
    stored_names: Mapping[str, str]
    """Name of each part of the state in a checkpoint, where it is not the optimizer's own."""

    @property
    def key(self) -> Hashable:
        """Equal for equal kinds."""
        return self.optimizer.name, self.layout


def trains_in_cohorts(optimizer: str) -> bool:
    """True if gradients are all that the optimizer needs: K-FAC trains alone."""
    return not isinstance(named(optimizer), CurvatureOptimizer)


def has_fused_kernel(trial: RunningTrial) -> bool:
    """True if one of torch's own optimizers trains all of the trial."""
    return not isinstance(trial.optimizer, Stepping)


def kinds_of(trial: RunningTrial) -> dict[str, Kind]:
    """By tensor name, in the model's order."""
    if not isinstance(trial.optimizer, Stepping):
        optimizer = named(trial.spec.optimizer)
        assert isinstance(optimizer, GradientOptimizer)
        kind = Kind(optimizer, Layout(), _TORCHS_NAMES[optimizer.name])
        return {name: kind for name, _ in trial.model.named_parameters()}
    stepping = trial.optimizer
    by_parameter: dict[Tensor, Kind] = {}
    for group, stepped_by, layout in zip(
        stepping.param_groups, stepping.optimizers, stepping.layouts, strict=True
    ):
        assert not isinstance(stepped_by, CurvatureOptimizer), "trains alone"
        by_parameter[group["params"][0]] = Kind(stepped_by, layout, {})
    return {name: by_parameter[tensor] for name, tensor in trial.model.named_parameters()}


def numbers_of(trial: RunningTrial) -> dict[str, dict[str, float]]:
    """Every hyperparameter of every tensor, by its name, with the peak learning rate."""
    names = {parameter: name for name, parameter in trial.model.named_parameters()}
    numbers: dict[str, dict[str, float]] = {}
    for group, peak_rate in zip(trial.optimizer.param_groups, trial.peak_rates, strict=True):
        if isinstance(trial.optimizer, Stepping):
            given = {**group["numbers"], "learning_rate": peak_rate}
        else:
            takes = declared(trial.spec.optimizer).hyperparameters
            beta1, beta2 = group.get("betas", (None, None))
            available = {
                "learning_rate": peak_rate,
                "weight_decay": group["weight_decay"],
                "epsilon": group.get("eps"),
                "beta1": beta1,
                "beta2": beta2,
                "momentum": group.get("momentum"),
            }
            given = {hyper: available[hyper] for hyper in ("learning_rate", *takes)}
        numbers |= {names[parameter]: given for parameter in group["params"]}
    return numbers
