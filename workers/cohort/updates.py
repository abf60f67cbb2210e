"""The optimizer's step of a whole cohort, in the two ways that are fast.

On a CPU torch's fused kernels, trial by trial on slices of the stack: an elementwise optimizer
written over the stack is slower there than training alone. Elsewhere, and for every optimizer that
has no fused kernel, the pure update functions over the stack.

Shape suffix: K trials of the cohort.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from parametrization.optimizers.adam import ADAM, ADAMW
from parametrization.optimizers.sgd import SGD_MOMENTUM
from parametrization.optimizers.update import GradientOptimizer, Number, State, over_trials
from parametrization.rules import Optimizer
from workers.cohort.gradients import Tensors
from workers.cohort.stack import COUNTER, MOMENTS, CohortTensors
from workers.trial import RunningTrial


class Updates(Protocol):
    """One update of every trial's tensors, in place."""

    def apply(self, gradients: Tensors, factors: Sequence[float]) -> None:
        """Take a step.

        Args:
            gradients: [K, ...] by tensor, contiguous.
            factors: of every trial's schedule, on its peak rates.

        """


class _Group(NamedTuple):
    """Tensors of one trial with one rate."""

    trial: int
    peak_rate: float
    step: Callable[[list[Tensor], float], None]
    """Takes the gradients and the rate."""
    names: tuple[str, ...]


class SliceUpdates:
    """torch's own fused kernels: the same arithmetic, bit for bit, as the trial alone."""

    def __init__(self, trials: Sequence[RunningTrial], tensors: CohortTensors) -> None:
        self._counters_KN = tensors.counters
        self._groups = [
            _fused_group(number, trial, group, peak_rate)
            for number, trial in enumerate(trials)
            for group, peak_rate in zip(trial.optimizer.param_groups, trial.peak_rates, strict=True)
        ]

    def apply(self, gradients: Tensors, factors: Sequence[float]) -> None:
        """Take a step."""
        slices = {name: tensor.unbind(0) for name, tensor in gradients.items()}
        self._counters_KN += 1
        for trial, peak_rate, step, names in self._groups:
            step([slices[name][trial] for name in names], peak_rate * factors[trial])


def _fused_group(
    number: int, trial: RunningTrial, group: Mapping[str, Any], peak_rate: float
) -> _Group:
    names = {parameter: name for name, parameter in trial.model.named_parameters()}
    optimizer, parameters = trial.spec.optimizer, group["params"]
    states = [trial.optimizer.state[parameter] for parameter in parameters]
    kept = [[state[moment] for state in states] for moment in MOMENTS[optimizer]]
    if optimizer is Optimizer.SGD:
        kernel = partial(
            torch._fused_sgd_,
            momentum=group["momentum"],
            dampening=0.0,
            nesterov=False,
            is_first_step=False,
        )
    else:
        beta1, beta2 = group["betas"]
        kept += [[], [state[COUNTER] for state in states]]  # no maxima: those are AMSGrad's
        kernel = partial(
            torch._fused_adamw_ if optimizer is Optimizer.ADAMW else torch._fused_adam_,
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            amsgrad=False,
        )

    def step(gradients: list[Tensor], rate: float) -> None:
        kernel(
            parameters,
            gradients,
            *kept,
            lr=rate,
            weight_decay=group["weight_decay"],
            maximize=False,
        )

    return _Group(number, peak_rate, step, tuple(names[parameter] for parameter in parameters))


class _Definition(NamedTuple):
    """A pure optimizer and torch's name for each part of its state."""

    optimizer: GradientOptimizer
    state_names: Mapping[str, str]


_ADAM_STATE: Final = {"mean": "exp_avg", "mean_square": "exp_avg_sq"}
DEFINITIONS: Final[Mapping[Optimizer, _Definition]] = {
    Optimizer.ADAM: _Definition(ADAM, _ADAM_STATE),
    Optimizer.ADAMW: _Definition(ADAMW, _ADAM_STATE),
    Optimizer.SGD: _Definition(SGD_MOMENTUM, {"velocity": "momentum_buffer"}),
}


_Updated: TypeAlias = tuple[Tensors, dict[str, State]]


class StackUpdates:
    """The pure update functions mapped over the trials, all tensors in one traced program."""

    def __init__(self, trials: Sequence[RunningTrial], tensors: CohortTensors) -> None:
        optimizer, state_names = DEFINITIONS[trials[0].spec.optimizer]
        self._parameters = tensors.stacked.parameters
        self._states: dict[str, State] = {
            name: {ours: tensors.moments[theirs][name] for ours, theirs in state_names.items()}
            for name in self._parameters
        }
        if "step" in optimizer.init(torch.zeros(1)):
            for number, name in enumerate(self._parameters):
                self._states[name]["step"] = tensors.counters[:, number]
        self._hyper: dict[str, dict[str, Number]] = {
            name: {
                hyper: torch.tensor(values, dtype=parameter.dtype, device=parameter.device)
                for hyper, values in _numbers(trials, name, optimizer).items()
            }
            for name, parameter in self._parameters.items()
        }
        self._peak_rates = {name: hyper["learning_rate"] for name, hyper in self._hyper.items()}
        self._update = over_trials(optimizer.update)
        self._program: Callable[..., _Updated] | None = None

    def apply(self, gradients: Tensors, factors: Sequence[float]) -> None:
        """Take a step."""
        first = next(iter(self._parameters.values()))
        factors_K = torch.tensor(factors, dtype=first.dtype, device=first.device)
        arguments = (self._parameters, gradients, self._states, factors_K)
        if self._program is None:
            self._program = make_fx(partial(StackUpdates._updated, self))(*arguments)
        parameters, states = self._program(*arguments)
        for name, parameter in self._parameters.items():
            parameter.copy_(parameters[name])
            for key, value in states[name].items():
                self._states[name][key].copy_(value)

    def _updated(
        self, parameters: Tensors, gradients: Tensors, states: dict[str, State], factors_K: Tensor
    ) -> _Updated:
        stepped = {
            name: self._update(
                parameter,
                gradients[name],
                states[name],
                self._hyper[name]
                | {"learning_rate": self._hyper[name]["learning_rate"] * factors_K},
            )
            for name, parameter in parameters.items()
        }
        return (
            {name: parameter for name, (parameter, _) in stepped.items()},
            {name: state for name, (_, state) in stepped.items()},
        )


def _numbers(
    trials: Sequence[RunningTrial], name: str, optimizer: GradientOptimizer
) -> dict[str, list[float]]:
    """Every hyperparameter of one tensor, trial by trial, with the peak learning rate."""
    columns: dict[str, list[float]] = {
        hyper: [] for hyper in ("learning_rate", *optimizer.hyperparameters)
    }
    for trial in trials:
        parameter = trial.model.get_parameter(name)
        group, peak_rate = next(
            (group, peak_rate)
            for group, peak_rate in zip(trial.optimizer.param_groups, trial.peak_rates, strict=True)
            if any(parameter is own for own in group["params"])
        )
        given = trial.spec.hyperparameters | {
            "learning_rate": peak_rate,
            "weight_decay": group["weight_decay"],
            "epsilon": group.get("eps"),
        }
        for hyper, column in columns.items():
            column.append(given[hyper])
    return columns
