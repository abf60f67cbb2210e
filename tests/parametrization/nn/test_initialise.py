"""A model at step 0: drawn tensors, constants and multipliers, the same for the same seed."""

import copy

import pytest
import torch
from torch import nn

from parametrization.nn.initialise import initialise, set_trained_multipliers
from parametrization.nn.layers import Readout
from parametrization.rules.parametrization import Parametrization
from tests.parametrization.builders import scalings_of
from tests.parametrization.nn.small_models import Gpt, Mlp


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("parametrization", Parametrization)
def test_every_tensor_is_drawn_with_its_own_standard_deviation(
    parametrization: Parametrization,
) -> None:
    """Within five standard errors, so that a wrong power of width (m = 8) cannot hide."""
    scalings = scalings_of(Gpt, 256, parametrization=parametrization)
    model = Gpt(256)
    initialise(model, scalings, generator())
    parameters = dict(model.named_parameters())
    for scaling in scalings:
        values = parameters[scaling.name].detach()
        if scaling.init_std is None:
            assert scaling.constant is not None
            assert torch.all(values == scaling.constant)
        else:
            count = values.numel()
            assert values.mean().abs() < 5 * scaling.init_std / count**0.5
            assert values.std() / scaling.init_std == pytest.approx(1, abs=5 / (2 * count) ** 0.5)


def test_a_seed_gives_the_same_tensors_in_every_precision() -> None:
    scalings = scalings_of(Mlp, 64)
    single, double = Mlp(64), Mlp(64).double()
    initialise(single, scalings, generator(3))
    initialise(double, scalings, generator(3))
    for a, b in zip(single.parameters(), double.parameters(), strict=True):
        assert torch.equal(a.double(), b)


def test_another_seed_gives_other_tensors() -> None:
    scalings = scalings_of(Mlp, 64)
    one, other = Mlp(64), Mlp(64)
    initialise(one, scalings, generator(1))
    initialise(other, scalings, generator(2))
    assert not torch.equal(one.readout.weight, other.readout.weight)


def test_setting_multipliers_leaves_weights_alone() -> None:
    model = Mlp(128)
    before = copy.deepcopy(model.state_dict())
    set_trained_multipliers(model, scalings_of(Mlp, 128, output_multiplier=2.0))
    assert isinstance(model.readout, Readout)
    assert model.readout.multiplier == 2.0 / 4
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])


def test_the_multiplier_acts_on_the_weights_and_not_on_the_bias() -> None:
    readout, x = Readout(8, 3, multiplier=0.25), torch.randn(5, 8, generator=generator())
    expected = 0.25 * (x @ readout.weight.T) + readout.bias
    torch.testing.assert_close(readout(x), expected)


def test_a_readout_that_cannot_multiply_is_refused() -> None:
    with pytest.raises(ValueError, match=r"readout.weight needs the forward multiplier 0.25, whi"):
        initialise(Mlp(128, readout=nn.Linear), scalings_of(Mlp, 128), generator())


def test_scalings_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="compute them for the width of this model"):
        initialise(Mlp(64), scalings_of(Mlp, 128), generator())


def test_scalings_of_another_model_are_refused_with_both_lists() -> None:
    with pytest.raises(ValueError, match=r"only in the model: blocks.*only in the scalings: layer"):
        initialise(Gpt(64), scalings_of(Mlp, 64), generator())


def test_a_model_without_memory_is_refused_rather_than_left_unset() -> None:
    with torch.device("meta"):
        model = Mlp(64)
    with pytest.raises(ValueError, match=r"on the meta device: call .*materialise\(model, dev"):
        initialise(model, scalings_of(Mlp, 64), generator())
