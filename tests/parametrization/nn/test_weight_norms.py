"""A weight that is a magnitude times a direction trains and starts as the plain weight would."""

import math
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils.weight_norm import weight_norm as older_weight_norm

from parametrization.nn.apply import apply
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.classify import UnclassifiedTensors
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import ModelShape, Role
from tests.parametrization.builders import hyperparameters

Normed = Callable[[nn.Module], nn.Module]
BASE, TARGET = 32, 128


def older(layer: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return older_weight_norm(layer)


FORMS = pytest.mark.parametrize("normed", [parametrizations.weight_norm, older])


def build(width: int, normed: Normed) -> nn.Module:
    return nn.ModuleDict(
        {
            "first": normed(nn.Linear(24, width, bias=False)),
            "conv": normed(nn.Conv1d(width, width, 3, bias=False)),
            "up": normed(nn.ConvTranspose1d(width, 2 * width, 4, stride=2, bias=False)),
        }
    )


def shape_of(normed: Normed) -> ModelShape:
    return derive_model_shape(build(BASE, normed), build(2 * BASE, normed), BASE)


@FORMS
def test_directions_have_the_rule_of_the_weight_and_magnitudes_that_of_a_gain(
    normed: Normed,
) -> None:
    magnitude, direction = Role.VECTOR, Role.HIDDEN
    assert [(t.role, t.fan_in_axis, t.fan_out_axis) for t in shape_of(normed).tensors] == [
        *((magnitude, None, 0), (Role.INPUT, 1, 0)),
        *((magnitude, None, 0), (direction, 1, 0)),
        *((magnitude, None, 0), (direction, 0, 1)),
    ]


@FORMS
@pytest.mark.parametrize("initial", ["draw", "scale"])
def test_the_weight_starts_as_the_plain_one_would(normed: Normed, initial: str) -> None:
    """Torch's own start is a third of the variance of what is drawn."""
    model = build(TARGET, normed)
    apply(
        model,
        shape_of(normed),
        hyperparameters("adamw") | {"init_std": 0.5},
        Multipliers(width=TARGET / BASE),
        optimizer="adamw",
        schedule=Schedule(),
        steps=10,
        seed=0,
        initial=initial,  # type: ignore[arg-type]  # one of the two
    )
    deviation = {"draw": 0.5, "scale": 0.5 / math.sqrt(3)}[initial]
    for name, fan_in in {"first": 24, "conv": 3 * TARGET, "up": TARGET * 2}.items():
        layer = model.get_submodule(name)
        for hook in layer._forward_pre_hooks.values():
            hook(layer, ())
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)
        own_fan_in = {"draw": fan_in, "scale": weight[0].numel()}[initial]
        assert weight.std().item() == pytest.approx(deviation / math.sqrt(own_fan_in), rel=0.1)


@pytest.mark.parametrize(
    "build",
    [
        lambda w: nn.Sequential(parametrizations.weight_norm(nn.Linear(w, 10))),
        lambda w: nn.Sequential(parametrizations.weight_norm(nn.Conv1d(w, w, 4, groups=4), dim=2)),
    ],
    ids=["readout", "taps"],
)
def test_a_magnitude_whose_rate_would_follow_width_is_refused(
    build: Callable[[int], nn.Module],
) -> None:
    with pytest.raises(UnclassifiedTensors, match="leave it off output layers") as refused:
        derive_model_shape(build(32), build(64), 32)
    assert refused.value.proposals == {}
