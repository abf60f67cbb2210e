"""What silently goes wrong with mup 1.0.0 and must not go wrong here."""

import copy
from pathlib import Path

import mup
import pytest
import torch
from torch import Tensor, nn

from parametrization.nn.base_shapes import derive_model_shape, read_base_shapes
from parametrization.nn.initialise import initialise
from parametrization.nn.param_groups import (
    build_optimizer,
    multiplicative_schedule,
    param_groups,
)
from parametrization.scaling.schedule import Schedule, ScheduleShape
from tests.parametrization.builders import hyperparameters, scalings_of
from tests.parametrization.nn.small_models import Gpt, Mlp


class Wrapped(nn.Module):
    """Names its parameters as DistributedDataParallel does; `model.embed` loses its m to strip."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.module = model

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.module(x)
        return result


class Named(nn.Module):
    """Names made of the characters of `module.` alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.model = nn.ModuleDict({"embed": nn.Embedding(7, width), "dolmen": nn.Linear(3, width)})


def initialised(width: int) -> Mlp:
    model = Mlp(width)
    initialise(model, scalings_of(Mlp, width), torch.Generator().manual_seed(0))
    return model


def test_a_wrapped_model_has_the_shape_of_the_bare_one() -> None:
    bare = derive_model_shape(Named(8), Named(16), 8)
    assert bare.tensors[0].name == "model.embed.weight"
    assert derive_model_shape(Wrapped(Named(8)), Named(16), 8) == bare
    assert derive_model_shape(Wrapped(Wrapped(Named(8))), Wrapped(Named(16)), 8) == bare


def test_base_shapes_saved_from_a_wrapped_model_fit_the_bare_one(tmp_path: Path) -> None:
    path = tmp_path / "wrapped.bsh"
    mup.make_base_shapes(Wrapped(Named(8)), Wrapped(Named(16)), savefile=str(path))
    expected = derive_model_shape(Named(8), Named(16), 8)
    assert read_base_shapes(path, Named(32), 8) == expected
    assert read_base_shapes(path, Wrapped(Named(32)), 8) == expected


def test_a_wrapped_model_takes_the_bare_ones_scalings() -> None:
    scalings = scalings_of(Mlp, 64)
    wrapped = Wrapped(Mlp(64))
    initialise(wrapped, scalings, torch.Generator().manual_seed(0))
    x = torch.ones(2, 24)
    assert torch.equal(wrapped(x), initialised(64)(x))
    assert len(param_groups(wrapped, scalings)) == 3


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_no_default_weight_decay_slips_in(optimizer: str) -> None:
    """MuAdamW decays by 0 unless told, torch's AdamW by 0.01."""
    for decay in (0.0, 0.25):
        groups = param_groups(
            Mlp(32), scalings_of(Mlp, 32, optimizer=optimizer, weight_decay=decay)
        )
        built = build_optimizer(groups, optimizer, hyperparameters(optimizer))
        assert {group["weight_decay"] for group in built.param_groups} == {decay}


def test_a_learning_rate_given_as_a_tensor_is_neither_shared_nor_changed() -> None:
    rate = torch.tensor(2.0**-10)
    model = Gpt(128)
    scalings = scalings_of(Gpt, 128, learning_rate=rate)  # type: ignore[arg-type]  # the trap
    rates = {group["lr"] for group in param_groups(model, scalings)}
    assert rates == {2.0**-10, 2.0**-12}
    assert all(type(value) is float for value in rates)
    assert rate.item() == 2.0**-10


@pytest.mark.parametrize("shape", [ScheduleShape.COSINE, ScheduleShape.LINEAR])
def test_a_floor_keeps_the_ratios_between_groups(shape: ScheduleShape) -> None:
    """CosineAnnealingLR(eta_min) and OneCycleLR(max_lr) would set all groups to one value."""
    optimizer = build_optimizer(
        param_groups(Mlp(256), scalings_of(Mlp, 256)),
        "adamw",
        hyperparameters("adamw"),
    )
    schedule = multiplicative_schedule(optimizer, Schedule(shape, final_fraction=0.1), 10)
    for _ in range(15):  # beyond the end too
        rates = sorted({group["lr"] for group in optimizer.param_groups})
        assert rates[1] / rates[0] == pytest.approx(8, rel=1e-12)
        optimizer.step()
        schedule.step()


def test_a_copied_or_averaged_model_keeps_its_multiplier() -> None:
    model, x = initialised(128), torch.ones(2, 24)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    assert torch.equal(copy.deepcopy(model)(x), model(x))
    assert torch.equal(averaged(x), model(x))


def test_a_state_dict_carries_the_multiplier_into_a_fresh_model(tmp_path: Path) -> None:
    model, x = initialised(128), torch.ones(2, 24)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    fresh = Mlp(128)
    fresh.load_state_dict(state)
    assert fresh.readout.multiplier == 0.25
    assert torch.equal(fresh(x), model(x))
    assert all(isinstance(value, Tensor) for value in state.values())


def test_a_state_dict_without_multiplier_is_not_loaded_silently() -> None:
    plain = Mlp(128, readout=nn.Linear).state_dict()
    with pytest.raises(RuntimeError, match=r"readout\._extra_state"):
        Mlp(128).load_state_dict(plain)


def test_a_compiled_model_keeps_its_multiplier_and_takes_scalings() -> None:
    x = torch.ones(2, 24)
    model = initialised(128)
    compiled = torch.compile(model, backend="eager")
    assert torch.equal(compiled(x), model(x))
    fresh = torch.compile(Mlp(128), backend="eager")
    assert isinstance(fresh, nn.Module)
    initialise(fresh, scalings_of(Mlp, 128), torch.Generator().manual_seed(0))
    assert torch.equal(fresh(x), model(x))


def test_a_functional_call_keeps_its_multiplier() -> None:
    model, x = initialised(128), torch.ones(2, 24)
    called = torch.func.functional_call(model, dict(model.named_parameters()), (x,))
    assert torch.equal(called, model(x))


def test_hidden_biases_start_at_zero_whatever_the_width() -> None:
    """The default bias of torch shrinks with the target's fan-in, and mup multiplies it back."""
    for width in (32, 256):
        model = initialised(width)
        assert not any(p.any() for n, p in model.named_parameters() if n.endswith("bias"))


def test_epsilon_is_scaled_where_mup_leaves_it() -> None:
    epsilons = {s.name: s.epsilon for s in scalings_of(Gpt, 128, epsilon=1e-8)}
    assert set(epsilons.values()) == {1e-8 / 4}
    with_bias = {s.name: s.epsilon for s in scalings_of(Mlp, 128, epsilon=1e-8)}
    assert with_bias["readout.bias"] == 1e-8


class Wrapper(nn.Module):
    """Puts its own attribute's name before the parameters of what it wraps."""

    def __init__(self, attribute: str, wrapped: nn.Module) -> None:
        super().__init__()
        self.add_module(attribute, wrapped)


@pytest.mark.parametrize(
    "attribute", ["_fsdp_wrapped_module", "_orig_mod", "_checkpoint_wrapped_module"]
)
def test_wrappers_of_layers_and_of_the_model_are_in_no_name(attribute: str) -> None:
    """FSDP, compilation and checkpoints, each in its own way and one within another."""

    def build(width: int) -> nn.Module:
        model = Named(width)
        model.model["dolmen"] = Wrapper(attribute, Wrapper("_orig_mod", model.model["dolmen"]))
        return Wrapper("module", Wrapper(attribute, model))

    assert derive_model_shape(build(8), build(16), 8) == derive_model_shape(Named(8), Named(16), 8)
