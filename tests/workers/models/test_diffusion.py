"""Diffusion: noised digits, and the two families that predict the noise."""

import math

import pytest
import torch
from torch import nn

from parametrization.nn.models.layers.time_embedding import FEATURES, waves
from parametrization.optimizers.registry import STUDIED
from parametrization.scaling.companions import flat_defaults
from parametrization.shapes.roles import Role
from tests.workers.specs import TINY_DIT, TINY_UNET, model_spec, trial_spec
from workers.datasets.digits import load_digits_data
from workers.datasets.noised_digits import NoisedDigitsData
from workers.models.build import build_model
from workers.training.model_shapes import model_shape
from workers.training.objective import batch_loss
from workers.training.trainer import train_to
from workers.training.trial import new_trial


def data(frames: int = 1) -> NoisedDigitsData:
    return NoisedDigitsData(load_digits_data(), frames)


def clean(inputs: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """The pixels before the noise."""
    angle = inputs[:, -1:].double() * math.pi / 2
    return (inputs[:, :-1].double() - angle.sin() * noise.double()) / angle.cos()


def test_taking_the_noise_away_leaves_the_digits() -> None:
    batch = data().batch(3, 5, 32)
    early = batch.inputs[:, -1] < 0.9  # dividing by nearly nothing costs digits of fp32
    images = load_digits_data().batch(3, 5, 32).inputs.double()
    torch.testing.assert_close(
        clean(*batch)[early], images[early], atol=1e-5, rtol=1e-5, check_dtype=False
    )


def test_times_are_spread_evenly_over_a_batch() -> None:
    times = data().batch(0, 0, 16).inputs[:, -1].sort().values
    assert times.diff().sub(1 / 16).abs().max() < 1e-6
    assert times.min() > 0
    assert times.max() < 1
    assert not torch.equal(times, data().batch(0, 1, 16).inputs[:, -1].sort().values)


def test_noise_is_normal_and_new_in_every_step() -> None:
    noise = data().batch(0, 0, 512).targets  # 32,768 numbers: 1/sqrt(n) is 0.0055
    assert abs(float(noise.mean())) < 0.02
    assert abs(float(noise.var()) - 1) < 0.03
    assert abs(float((noise**4).mean()) - 3) < 0.3
    assert abs(float((noise[:, :32] * noise[:, 32:]).mean())) < 0.03
    assert not torch.equal(noise, data().batch(0, 1, 512).targets)


def test_a_noised_batch_can_be_asked_for_again() -> None:
    for one, other in zip(data(2).batch(7, 3, 4), data(2).batch(7, 3, 4), strict=True):
        assert torch.equal(one, other)


def test_validation_is_fixed_and_covers_all_times() -> None:
    batches, again = list(data().validation()), list(data().validation())
    for one, other in zip(batches, again, strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)
    times = torch.cat([batch.inputs[:, -1] for batch in batches]).sort().values
    assert len(times) == 4 * 359
    assert times.diff().max() < 1e-3
    assert float(times[0]) == pytest.approx(0, abs=1e-3)
    assert float(times[-1]) == pytest.approx(1, abs=1e-3)


def test_the_digit_of_a_clip_moves_by_a_pixel_a_frame() -> None:
    batch = data(frames=3).batch(0, 0, 64)
    assert batch.inputs.shape == (64, 3 * 64 + 1)
    early = batch.inputs[:, -1] < 0.9
    clips = clean(*batch)[early].view(-1, 3, 8, 8)
    ways = set()
    for clip in clips:
        moves = [
            move
            for move in ((0, 1), (0, -1), (1, 0), (-1, 0))
            if torch.allclose(clip[0].roll(move, (0, 1)), clip[1], atol=1e-4)
        ]
        assert len(moves) == 1
        torch.testing.assert_close(
            clip[0].roll(moves[0], (0, 1)).roll(moves[0], (0, 1)), clip[2], atol=1e-4, rtol=0
        )
        ways.add(moves[0])
    assert len(ways) == 4
    assert data(frames=3).sha256 != data().sha256


def test_the_loss_is_the_mean_squared_error_per_pixel() -> None:
    batch = data().batch(0, 0, 4)

    class Zero(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.zeros(inputs.shape[0], 64)

    assert batch_loss(Zero(), batch).item() == pytest.approx(batch.targets.square().mean().item())


def test_waves_of_the_time_tell_times_apart() -> None:
    features = waves(torch.linspace(0.01, 0.99, 99))
    assert features.shape == (99, FEATURES)
    assert torch.cdist(features, features).fill_diagonal_(1).min() > 0.1


def test_roles_of_the_unet() -> None:
    tensors = {t.name: t for t in model_shape(model_spec(TINY_UNET)).tensors}
    roles = {name: tensor.role for name, tensor in tensors.items()}
    assert {name for name, role in roles.items() if role is Role.INPUT} == {
        "time.first.weight",
        "stem.weight",
    }
    assert {name for name, role in roles.items() if role is Role.OUTPUT} == {"readout.weight"}
    assert {name for name, role in roles.items() if role is Role.SCALAR} == {"readout.bias"}
    assert {name for name, role in roles.items() if role is Role.HIDDEN} == {
        "time.second.weight",
        "downsample.0.weight",
        "upsample.0.weight",
        "up.0.shortcut.weight",
        *(
            f"{block}.{layer}.weight"
            for block in ("down.0", "lowest", "up.0")
            for layer in ("convolution1", "convolution2", "time")
        ),
    }


def test_concatenated_and_transposed_maps_start_at_the_size_of_their_own_fan_in() -> None:
    tensors = {t.name: t for t in model_shape(model_spec(TINY_UNET)).tensors}
    beside_skip = tensors["up.0.convolution1.weight"]
    assert beside_skip.base_shape == (16, 32, 3, 3)
    assert beside_skip.base_std == pytest.approx((9 * 32) ** -0.5)
    # Every pixel is reached by 2 x 2 of the kernel's 4 x 4 entries.
    assert tensors["upsample.0.weight"].base_std == pytest.approx((4 * 16) ** -0.5)
    with torch.no_grad():
        model = new_trial(trial_spec(model=model_spec(TINY_UNET, width=512, base_width=512))).model
        upsampled = model.get_submodule("upsample.0")(torch.randn(2, 512, 4, 4))
    assert upsampled[..., 1:-1, 1:-1].std().item() == pytest.approx(1.0, rel=0.1)


def test_roles_of_the_dit() -> None:
    tensors = model_shape(model_spec(TINY_DIT)).tensors
    branch = {
        "modulation.weight": Role.HIDDEN,
        "modulation.bias": Role.VECTOR,
    }
    attention = {"layer.qkv.weight": Role.HIDDEN, "layer.out.weight": Role.HIDDEN}
    feed_forward = {
        "layer.up.weight": Role.HIDDEN,
        "layer.up.bias": Role.VECTOR,
        "layer.down.weight": Role.HIDDEN,
        "layer.down.bias": Role.VECTOR,
    }
    assert {tensor.name: tensor.role for tensor in tensors} == {
        "time.first.weight": Role.INPUT,
        "time.first.bias": Role.VECTOR,
        "time.second.weight": Role.HIDDEN,
        "time.second.bias": Role.VECTOR,
        "embedding.patch.weight": Role.INPUT,
        "embedding.patch.bias": Role.VECTOR,
        "embedding.position.weight": Role.INPUT,
        **{f"blocks.0.attention.branch.{n}": r for n, r in (branch | attention).items()},
        **{f"blocks.0.feed_forward.branch.{n}": r for n, r in (branch | feed_forward).items()},
        "modulation.weight": Role.HIDDEN,
        "modulation.bias": Role.VECTOR,
        "readout.weight": Role.OUTPUT,
        "readout.bias": Role.SCALAR,
    }
    assert {tensor.name for tensor in tensors if tensor.zero} == {
        "blocks.0.attention.branch.modulation.weight",
        "blocks.0.feed_forward.branch.modulation.weight",
        "modulation.weight",
    }


def test_a_block_of_the_dit_starts_as_the_identity_whatever_the_width() -> None:
    for width in (16, 64):
        model = new_trial(trial_spec(model=model_spec(TINY_DIT, width=width))).model
        x, time = torch.randn(2, 32, width), torch.randn(2, width)
        assert torch.equal(model.get_submodule("blocks.0")(x, time), x)


def test_a_patch_of_the_dit_sees_all_frames() -> None:
    model = build_model(model_spec(TINY_DIT))
    drawn = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3, generator=drawn)
    inputs = data(frames=2).batch(0, 0, 1).inputs
    changed = inputs.clone()
    changed[0, 100] += 1  # in the second frame
    moved = (model(inputs) - model(changed)).abs()[0, :64]
    assert moved.min() > 0


def test_what_the_dit_refuses_does_diverge_on_blocks_that_start_closed() -> None:
    """Should this fail, the refusal can go."""
    assert TINY_DIT.refused_optimizers.keys() == {"kfac", "ekfac"}
    for name in ("kfac", "ekfac"):
        values = {"init_std": 1.0, "output_multiplier": 1.0, **flat_defaults(name)}
        for log2_rate in STUDIED[name].log2_rates:
            spec = trial_spec(
                model=model_spec(TINY_DIT),
                optimizer=name,
                values=values | {"learning_rate": 2.0**log2_rate},
            )
            assert train_to(new_trial(spec), 3).diverged_at == 1
