"""Optimizers stopped and resumed, in float32 and in bfloat16; dtypes that none can train."""

import io

import pytest
import torch
from torch import nn
from torch.nn import functional

from parametrization.nn.apply import Prepared, apply
from parametrization.nn.stepping import evaluating, recording
from parametrization.optimizers.registry import STUDIED
from parametrization.scaling.companions import flat_defaults
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from tests.parametrization.builders import shape_of
from tests.parametrization.nn.small_models import Mlp, image_batch

STEPS = 6
DTYPES = [torch.float32, torch.bfloat16]
every_optimizer = pytest.mark.parametrize("optimizer", STUDIED)


def training_of(model: nn.Module, optimizer: str, *, rate: float | None = None) -> Prepared:
    low, high = STUDIED[optimizer].log2_rates
    return apply(
        model,
        shape_of(Mlp),
        {
            "learning_rate": rate or 2.0 ** ((low + high) / 2),
            **{"init_std": 1.0, "output_multiplier": 1.0, **flat_defaults(optimizer)},
        },
        Multipliers(2),
        optimizer=optimizer,
        schedule=Schedule(),
        steps=2 * STEPS,
        seed=3,
    )


def train(model: nn.Module, training: Prepared, first: int, last: int) -> None:
    dtype = next(model.parameters()).dtype
    for step in range(first, last):
        x, labels = image_batch(0, step)
        training.optimizer.zero_grad()
        with recording(training.optimizer):
            functional.cross_entropy(model(x.to(dtype)).float(), labels).backward()  # type: ignore[no-untyped-call]
        training.optimizer.step()
        training.schedule.step()


@every_optimizer
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_resumed_optimizer_trains_on_bit_for_bit(optimizer: str, dtype: torch.dtype) -> None:
    """The state goes through a file that holds tensors alone."""
    through = Mlp(64).to(dtype)
    uninterrupted = training_of(through, optimizer)
    train(through, uninterrupted, 0, 2 * STEPS)
    half = Mlp(64).to(dtype)
    first = training_of(half, optimizer)
    train(half, first, 0, STEPS)
    file = io.BytesIO()
    parts = (half, first.optimizer, first.schedule)
    torch.save([part.state_dict() for part in parts], file)
    file.seek(0)
    resumed = Mlp(64).to(dtype)
    second = training_of(resumed, optimizer)
    stored = torch.load(file, weights_only=True)
    for load, state in zip(
        (
            resumed.load_state_dict,
            second.optimizer.load_state_dict,
            second.schedule.load_state_dict,
        ),
        stored,
        strict=True,
    ):
        load(state)
    train(resumed, second, STEPS, 2 * STEPS)
    for one, other in zip(resumed.parameters(), through.parameters(), strict=True):
        assert torch.isfinite(one).all()
        assert torch.equal(one, other)
    states = [training.optimizer.state_dict()["state"] for training in (second, uninterrupted)]
    assert states[0].keys() == states[1].keys()
    for key, state in states[0].items():
        for part, value in state.items():
            assert value.dtype == states[1][key][part].dtype
            assert torch.equal(value, states[1][key][part])


@pytest.mark.parametrize("optimizer", ["soap", "shampoo_half", "adafactor", "muon_spectral"])
def test_bfloat16_parameters_are_stepped_in_single_precision(optimizer: str) -> None:
    """Eigenvectors exist in no shorter dtype; a step from rounded weights is the float32 one."""
    short, single = Mlp(64).bfloat16(), Mlp(64)
    trainings = [training_of(model, optimizer) for model in (short, single)]
    single.load_state_dict(short.float().state_dict())
    short.bfloat16()
    for parameter, like in zip(single.parameters(), short.parameters(), strict=True):
        gradient = torch.randn_like(parameter).bfloat16()
        parameter.grad, like.grad = gradient.float(), gradient
    for training in trainings:
        training.optimizer.step()
    for one, other in zip(short.parameters(), single.parameters(), strict=True):
        assert torch.equal(one, other.bfloat16())


def test_schedule_free_averages_of_bfloat16_parameters_are_those_of_float32_ones() -> None:
    """One rounding at the end; recovering the average from rounded weights was 0.1 off."""
    evaluated = []
    gradients = [torch.randn(4, 4, generator=torch.Generator().manual_seed(n)) for n in range(60)]
    for dtype in (torch.bfloat16, torch.float32):
        model = Mlp(64).to(dtype)
        training = training_of(model, "schedule_free_adamw", rate=2.0**-9)
        for gradient in gradients:
            for parameter in model.parameters():
                parameter.grad = torch.full_like(parameter, float(gradient[0, 0].bfloat16()))
            training.optimizer.step()
            training.schedule.step()
        with evaluating(training.optimizer):
            evaluated.append([one.detach().clone().float() for one in model.parameters()])
    for one, other in zip(*evaluated, strict=True):
        torch.testing.assert_close(one, other, rtol=2.0**-7, atol=2.0**-8)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "lion", "muon_spectral"])
def test_float16_weights_are_refused_with_the_remedy(optimizer: str) -> None:
    model = Mlp(64).half()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    with pytest.raises(ValueError, match=r"layers.0.weight is float16: .* in float32 .*GradScaler"):
        training_of(model, optimizer)
    for parameter, value in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, value)


@pytest.mark.parametrize("optimizer", ["adamw", "muon_spectral"])
def test_frozen_tensors_belong_to_no_optimizer(optimizer: str) -> None:
    model = Mlp(64)
    model.layers[0].requires_grad_(False)
    training = training_of(model, optimizer)
    trained = [p for group in training.optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in trained} == {id(p) for p in model.parameters() if p.requires_grad}
    before = model.layers[0].get_parameter("weight").detach().clone()
    train(model, training, 0, 2)
    assert torch.equal(model.layers[0].get_parameter("weight"), before)


def test_a_model_that_is_frozen_throughout_is_refused() -> None:
    with pytest.raises(ValueError, match="no parameter requires a gradient"):
        training_of(Mlp(64).requires_grad_(False), "adamw")
