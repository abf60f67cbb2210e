"""Compute the numbers that a trainer needs for one trial, and write them as a snippet."""

from parametrization.recommendation.trial import TrialNumbers
from parametrization.shapes.deeper_models import shape_at_depth
from parametrization.shapes.roles import ModelShape
from tuner.engine.orders import TrialSpec
from tuner.recommendation.exports.pytorch import snippet
from tuner.recommendation.values import (
    Duration,
    parameter_groups,
    schedule_values,
    tensor_values,
)


def trial_numbers(trial: TrialSpec, shape: ModelShape) -> TrialNumbers:
    """The numbers of a trial of a model with these base shapes.

    Args:
        shape: of the study's proxies.

    Raises:
        ValueError: if a rule does not cover the case, or the width gives a tensor no whole shape.

    """
    model, multipliers = trial.model, trial.model.multipliers
    shape = shape_at_depth(shape, model.base_depth or model.family.depth, model.family.depth)
    tensors = tensor_values(
        shape,
        trial.optimizer,
        trial.hyperparameters,
        model.policies,
        multipliers,
        model.parametrization,
    )
    groups = parameter_groups(tensors, trial.optimizer, trial.hyperparameters)
    training = trial.training
    duration = Duration(training.steps, training.batch_size, model.family.tokens_per_example)
    return TrialNumbers(
        optimizer=trial.optimizer,
        policies=model.policies,
        multipliers=multipliers,
        residual_multiplier=model.branch_multiplier,
        gradient_clip_norm=training.gradient_clip_norm,
        gradient_clip_value=training.gradient_clip_value,
        gradient_clip_percentile=training.gradient_clip_percentile,
        groups=groups,
        tensors=tensors,
        schedule=schedule_values(training.schedule, duration, groups),
        base_shapes=shape,
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
