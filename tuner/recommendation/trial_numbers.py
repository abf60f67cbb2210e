"""Compute the numbers that a trainer needs for one trial, and write them as a snippet."""

from collections.abc import Mapping

from parametrization.recommendation.trial import TrialNumbers
from parametrization.scaling.companions import assignment_of, by_optimizer
from parametrization.scaling.model_scaling import model_factors
from parametrization.shapes.deeper_models import shape_at_depth
from parametrization.shapes.like_tensors import tensor_families
from parametrization.shapes.roles import ModelShape
from tuner.engine.orders import TrialSpec
from tuner.recommendation.exports.pytorch import snippet
from tuner.recommendation.values import (
    Duration,
    drawn_out,
    parameter_groups,
    values_of,
)


class TrialKind:
    """The numbers of trials of one model and one training, which all rules follow from.

    To look the rules up takes several times as long as to apply them to one's hyperparameters.

    Args:
        trial: any of them.
        shape: of the study's proxies at the base width.

    Raises:
        ValueError: if a rule does not cover the case, or the width gives a tensor no whole shape.

    """

    def __init__(self, trial: TrialSpec, shape: ModelShape) -> None:
        model, training = trial.model, trial.training
        depth = model.family.depth
        self._trial = trial
        self._shape = shape_at_depth(shape, model.base_depth or depth, depth)
        self._families = tensor_families(self._shape.tensors)
        self._factors = model_factors(
            self._shape,
            model.multipliers,
            assignment=assignment_of(trial.optimizer),
            parametrization=model.parametrization,
            policies=model.policies,
        )
        duration = Duration(training.steps, training.batch_size, model.family.tokens_per_example)
        self._schedule = drawn_out(training.schedule, duration)

    def numbers(self, hyperparameters: Mapping[str, float]) -> TrialNumbers:
        """The numbers of one of the trials.

        Raises:
            ValueError: if a hyperparameter is missing, unknown or out of range.

        """
        optimizer, model, training = self._trial.optimizer, self._trial.model, self._trial.training
        scalings = self._factors.scaled(by_optimizer(optimizer, hyperparameters))
        tensors = values_of(scalings, self._families)
        groups = parameter_groups(tensors, optimizer, hyperparameters)
        return TrialNumbers(
            optimizer=optimizer,
            policies=model.policies,
            multipliers=model.multipliers,
            residual_multiplier=model.branch_multiplier,
            gradient_clip_norm=training.gradient_clip_norm,
            gradient_clip_value=training.gradient_clip_value,
            gradient_clip_percentile=training.gradient_clip_percentile,
            groups=groups,
            tensors=tensors,
            schedule=self._schedule.values(groups),
            base_shapes=self._shape,
        )


def trial_as_python(numbers: TrialNumbers, trial: TrialSpec) -> str:
    """The trial's numbers as a snippet that needs torch alone.

    Raises:
        NoSnippet: if PyTorch alone has no such optimizer.

    """
    heading = [
        f"Trial {trial.number}: {trial.optimizer} under {trial.model.parametrization} at width"
        f" {trial.model.width}, {numbers.multipliers.width:g}x the base width"
        f" {trial.model.base_width}, seed {trial.seed}, for {trial.training.steps} steps of"
        f" {trial.training.batch_size} examples.",
        "Its tensors' numbers are below; seed both the initial tensors and the data with its seed.",
    ]
    return snippet(numbers, heading)
