"""A tuned recommendation applied to the reader's own model, in one call."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from parametrization.nn.initialise import match, set_residual_multipliers, stays
from parametrization.nn.param_groups import multiplicative_schedule
from parametrization.nn.start.own_start import scale_own_start
from parametrization.nn.start.readouts import add_readouts, draw_start
from parametrization.nn.stepping import optimizer_for
from parametrization.nn.trainable import refuse_untrainable
from parametrization.rules.depth import residual_multiplier
from parametrization.rules.policies import Policies
from parametrization.rules.policy_numbers import VectorDecayRule
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multiplier_free import multiplier_free as without_multipliers
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape

LIBRARY_POLICIES: Final = Policies(vector_decay_rule=VectorDecayRule.EXEMPT)
"""Default policies of `apply`: weight decay leaves gains and biases alone."""
Initial: TypeAlias = Literal["draw", "scale"]


class Prepared(NamedTuple):
    """Optimizer and schedule of a model: call `optimizer.step()`, then `schedule.step()`."""

    optimizer: torch.optim.Optimizer
    schedule: LambdaLR


def apply(  # noqa: PLR0913  # one keyword per choice, the rarer ones with a default
    model: nn.Module,
    shape: ModelShape,
    hyperparameters: Mapping[str, float],
    multipliers: Multipliers,
    *,
    optimizer: str,
    schedule: Schedule,
    steps: int,
    seed: int,
    policies: Policies = LIBRARY_POLICIES,
    multiplier_free: bool = False,
    initial: Initial = "draw",
    gradient_clip_norm: float | None = None,
    target_shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> Prepared:
    """Bring `model` to its start under muP, set its multipliers, and build what trains it.

    Frozen tensors, tensors declared or found to be kept, and rows of padding stay as they are.

    Args:
        model: the target; a compiled, sharded or data-parallel one will do, also one on the meta
            device after `initialise.materialise`. Changed in place: a Linear, a convolution or a
            router that needs a forward multiplier and is no `parametrization.nn.layers.Readout`
            becomes one, by `layers.as_readout`, with the same parameters.
        shape: base shapes, from `derive_model_shape`, a .bsh file or a recommendation.
        hyperparameters: at the base, as in `scale`.
        multipliers: target over base.
        steps: number of updates that the schedule spans.
        seed: of the initial tensors; the same in every process.
        policies: rules that the numbers follow; a recommendation's are those of its study. Default:
            those of `scale`, except that weight decay leaves gains and biases alone.
        multiplier_free: for a forward pass that cannot be changed: multipliers move into initial
            tensors, rates and epsilon, and layers stay what they are. Gradients must not be
            clipped by global norm: confirm that with gradient_clip_norm=0.
        initial: "draw" starts every tensor anew, at 1/sqrt(fan-in) at the base width times the
            hyperparameter init_std, and follows width by the rules. "scale" keeps what the model
            has: the tensor times (width multiplier) ** (the rule's power - the power that the
            model's own start follows) times init_std, so that it has the size of the base model's
            own start at the base width and follows the same rules from there. With torch's own
            start that is what `mup.set_base_shapes` does. The own power is measured between the
            base and the delta model when the shape is derived.
        gradient_clip_norm: global norm at which the training loop clips, 0 if it does not clip,
            None if unknown. Read in the multiplier-free form alone, which clipping breaks: a
            number above 0 is refused, and None is warned of.
        target_shapes: by name, of a target that is no multiple of the base, as `scale` takes them;
            its tensors are drawn anew.

    Raises:
        ValueError: if model and shape are not of one kind, a hyperparameter is wrong, a start is to
            be kept that would have to change, or the multiplier-free form is to be clipped.

    """
    scalings = scale(
        shape,
        hyperparameters,
        multipliers,
        optimizer=optimizer,
        policies=policies,
        target_shapes=target_shapes,
    )
    if multiplier_free:
        _refuse_kept_multiplied(model, scalings)
        if gradient_clip_norm is None:
            _warn_of_clipping(scalings)
        scalings = without_multipliers(
            scalings,
            gradient_clip_norm=gradient_clip_norm or None,
            tied=[t.name for t in shape.tensors if t.tied],
        )
    refuse_untrainable(model, scalings)  # before anything of the model has changed
    if initial == "scale":
        add_readouts(model, scalings)
        scale_own_start(model, shape, scalings, multipliers.width)
    else:
        draw_start(model, scalings, torch.Generator().manual_seed(seed))
    branch = residual_multiplier(policies.depth_rule, policies.alpha, multipliers.depth)
    set_residual_multipliers(model, branch)
    stepping = optimizer_for(model, scalings)
    return Prepared(stepping, multiplicative_schedule(stepping, schedule, steps, model))


def _warn_of_clipping(scalings: Iterable[TensorScaling]) -> None:
    moved = [scaling.name for scaling in scalings if scaling.multiplier != 1]
    if moved:
        warnings.warn(
            "in the multiplier-free form gradients must not be clipped by their global norm: that"
            f" of {moved[0]} grows with width and would rule it. Hugging Face's Trainer clips at"
            " 1.0 by default (pass max_grad_norm=0). Switch clipping off and say so with"
            " gradient_clip_norm=0, or use the form with multipliers",
            UserWarning,
            stacklevel=3,
        )


def _refuse_kept_multiplied(model: nn.Module, scalings: Iterable[TensorScaling]) -> None:
    for owned, scaling in match(model, scalings):
        is_trained = owned.parameter.requires_grad
        if scaling.multiplier != 1 and is_trained and stays(owned, scaling):
            raise ValueError(
                f"{owned.name} stays as the model has it, and the multiplier-free form would have"
                f" to multiply it by {scaling.multiplier:g}: use the form with multipliers"
            )
