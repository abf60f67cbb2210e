"""The multiplier-free form trains as the multiplier form does, and refuses where it cannot."""

from collections.abc import Mapping
from typing import Final

import pytest
import torch
from hypothesis import given as given_values
from hypothesis import strategies as st
from torch import Tensor

from parametrization.nn.updates.registry import named
from parametrization.nn.updates.update import GradientOptimizer
from parametrization.optimizers.assignment import Assignment, everywhere, matrices_with
from parametrization.optimizers.lookup import WIDTH_ROWS
from parametrization.optimizers.registry import BUILT_IN, declared
from parametrization.rules.row import Row
from parametrization.scaling.multiplier_free import multiplier_free
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role
from tests.parametrization.builders import TENSORS, hyperparameters, scale_tensor
from tests.parametrization.nn.functional_mlp import given, scalings, trained

STEPS: Final = 20
ADAMW: Final = "adamw"
MUON: Final = "muon_spectral"
ON_ALL_MATRICES: Final = [
    *(o for o in ("sgd", ADAMW, "lion", "sgd_nesterov")),
    *("rmsprop", "adagrad", "schedule_free_adamw"),
    *("sign_descent", "layer_normalised_sgd", "lars", "lamb"),
    *("adafactor", MUON, "muon_original", "muon_match_rms_adamw"),
    *("shampoo_quarter", "shampoo_half", "shampoo_grafted"),
    *("soap", "kfac"),
]
# Large enough to take effect, small enough to keep every comparison away from chaos.
RATES: Final = {
    "sgd": 2.0**-4,
    "sgd_nesterov": 2.0**-6,
    "lars": 1.0,
    "sign_descent": 2.0**-12,
    "layer_normalised_sgd": 2.0**-5,
    "lamb": 2.0**-7,
    "shampoo_half": 2.0**-16,
    "kfac": 2.0**-8,
    MUON: 2.0**-5,
    "muon_original": 2.0**-5,
}


def numbers(optimizer: str, **values: float) -> dict[str, float]:
    takes = declared(optimizer).hyperparameters
    values |= {"weight_decay": 0.1} if "weight_decay" in takes else {}
    # Away from rounding: a relative 1e-16 in a gradient must not decide about an epsilon.
    values |= {"epsilon": 1e-6} if "epsilon" in takes else {}
    rate = RATES.get(optimizer, 2.0**-9)
    # SOAP's factors have null spaces whose bases rounding decides: powers of two round nothing
    output = 1.0 if optimizer == "soap" else 1.5
    return given(optimizer, learning_rate=rate, output_multiplier=output, **values)


def both_losses(
    assignment: Assignment, hyper: Mapping[str, Mapping[str, float]], *, biases: bool
) -> tuple[list[float], list[float]]:
    """With the multiplier and without, from the same draws, at twice the base width."""
    with_multiplier = scalings(assignment, hyper, 64, base_width=32, biases=biases)
    without = multiplier_free(with_multiplier)
    assert {s.multiplier for s in without} == {1.0}
    assert {s.multiplier for s in with_multiplier} != {1.0}
    first, second = (
        trained(form, steps=STEPS, batch_size=32) for form in (with_multiplier, without)
    )
    return first.losses, second.losses


@pytest.mark.parametrize("optimizer", ON_ALL_MATRICES)
def test_both_forms_give_the_same_losses(optimizer: str) -> None:
    """In fp64 over 20 steps; the forms differ in rounding alone."""
    first, second = both_losses(
        everywhere(optimizer), {optimizer: numbers(optimizer)}, biases=False
    )
    assert second == pytest.approx(first, rel=0, abs=1e-10)
    assert first[-1] < first[0]


def test_both_forms_of_muon_with_adamw_give_the_same_losses() -> None:
    hyper = {MUON: numbers(MUON), ADAMW: numbers(ADAMW)}
    first, second = both_losses(matrices_with(MUON), hyper, biases=True)
    assert second == pytest.approx(first, rel=0, abs=1e-10)
    assert first[-1] < first[0]


def test_the_readouts_numbers_are_the_published_ones() -> None:
    """Exponents of m = 4 and powers of output_multiplier = 1.5, per optimizer."""
    expected = {  # rate, epsilon
        ADAMW: (4**-1 * 1.5, 1 / 1.5),
        "lion": (4**-1 * 1.5, None),
        "sgd": (4**-1 * 1.5**2, None),
        "shampoo_quarter": (4**-0.5 * 1.5, None),
        "kfac": (1.0, None),
        "lamb": (1.0, 1 / 1.5),
    }
    for optimizer, (rate, epsilon) in expected.items():
        given_ones = hyperparameters(optimizer, output_multiplier=1.5)
        [free] = multiplier_free([readout(optimizer, 4.0, **given_ones)])
        assert free.init_std == pytest.approx(1.5 / 4 / 32**0.5)
        assert free.learning_rate == pytest.approx(rate * given_ones["learning_rate"])
        if epsilon is not None:
            assert free.epsilon == pytest.approx(epsilon * given_ones["epsilon"])


def readout(optimizer: str, width_mult: float, **values: float) -> TensorScaling:
    return scale_tensor(TENSORS[Role.OUTPUT], values, Multipliers(width_mult), optimizer=optimizer)


READOUT_OPTIMIZERS: Final = [
    name
    for name in BUILT_IN
    if isinstance(named(name), GradientOptimizer) and isinstance(WIDTH_ROWS[name][Role.OUTPUT], Row)
]


@pytest.mark.parametrize("name", READOUT_OPTIMIZERS)
@given_values(exponent=st.floats(-4.0, 4.0))
def test_a_step_of_the_moved_tensor_is_the_moved_step(name: str, exponent: float) -> None:
    """The abc symmetry: W' = a W and g' = g / a must stay so after every update.

    SOAP's factors have null spaces whose bases rounding decides: for it a is a power of two.
    """
    a = 2.0 ** (round(exponent) if name == "soap" else exponent)
    generator = torch.Generator().manual_seed(0)
    definition = named(name)
    assert isinstance(definition, GradientOptimizer)
    values = {**hyperparameters(name, output_multiplier=a), "learning_rate": 2.0**-6}
    values |= {"epsilon": 1e-6} if "epsilon" in values else {}
    scaling = readout(name, 1.0, **values)
    [free] = multiplier_free([scaling])
    if scaling.multiplier == 1:
        assert free == scaling
        return
    weight = torch.randn(10, 32, generator=generator, dtype=torch.float64)
    moved, states = a * weight, [definition.init(weight), definition.init(a * weight)]
    for _ in range(3):
        gradient = torch.randn(10, 32, generator=generator, dtype=torch.float64)
        weight, states[0] = definition.update(weight, gradient, states[0], scaling.hyper)
        moved, states[1] = definition.update(moved, gradient / a, states[1], free.hyper)
        assert _relative_difference(moved, a * weight) < 1e-6


def _relative_difference(left: Tensor, right: Tensor) -> float:
    return float((left - right).norm() / right.norm())


def test_clipped_gradients_have_no_multiplier_free_form() -> None:
    with pytest.raises(ValueError, match=r"gradient_clip_norm=1 has no multiplier-free form"):
        multiplier_free([readout(ADAMW, 4.0, **hyperparameters(ADAMW))], gradient_clip_norm=1.0)


def test_a_tied_readout_keeps_its_multiplier() -> None:
    scaling = readout(ADAMW, 4.0, **hyperparameters(ADAMW))
    with pytest.raises(ValueError, match=r"readout.weight is tied and cannot lose its multiplier"):
        multiplier_free([scaling], tied=["readout.weight"])
    assert multiplier_free([scaling], tied=["other.weight"])


def test_tensors_without_a_multiplier_stay_as_they_are() -> None:
    base = readout(ADAMW, 1.0, **hyperparameters(ADAMW))
    assert multiplier_free([base], gradient_clip_norm=1.0) == (base,)
