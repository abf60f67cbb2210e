"""Image families: that they learn, which role every tensor has, what they cost, running norms."""

import math
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from parametrization.nn.models.layers.patches import PatchAttention, from_patches, to_patches
from parametrization.shapes.roles import Role
from tests.workers.cohort.cohorts import alone, distance, precision, together, varied
from tests.workers.specs import (
    IMAGE_FAMILIES,
    TINY_BATCHNORM_RESNET,
    TINY_RESNET,
    TINY_VIT,
    hyperparameters,
    model_spec,
    training,
    trial_spec,
)
from tuner.engine.checkpoints import FileCheckpoints
from tuner.spec.datasets.dataset import NoisedImages
from tuner.spec.datasets.digits import Digits
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.load import load_data
from workers.models.build import build_model
from workers.training.checkpoint import load, save
from workers.training.model_shapes import model_shape
from workers.training.trainer import train_to, validation_loss
from workers.training.trial import new_trial, restored_trial

DIGITS = Digits(name="digits")


@pytest.mark.parametrize("family", IMAGE_FAMILIES, ids=lambda family: family.name)
def test_a_tiny_model_learns(family: ModelFamily) -> None:
    """Beyond what needs no image: equal odds for every class, no noise at all."""
    trial = new_trial(
        trial_spec(
            model=model_spec(family),
            values=hyperparameters("adamw", learning_rate=2.0**-7),
            train=training(steps=60, batch_size=16),
        )
    )
    blind = 1.0 if family.trains_on is NoisedImages else math.log(10)
    segment = train_to(trial, 60)
    assert segment.validation_loss is not None
    assert segment.validation_loss < 0.95 * blind


def test_roles_of_the_resnet() -> None:
    tensors = model_shape(model_spec(TINY_RESNET)).tensors
    assert {tensor.name: tensor.role for tensor in tensors} == {
        "stem.weight": Role.INPUT,
        "blocks.0.branch.norm1.weight": Role.VECTOR,
        "blocks.0.branch.norm1.bias": Role.VECTOR,
        "blocks.0.branch.convolution1.weight": Role.HIDDEN,
        "blocks.0.branch.norm2.weight": Role.VECTOR,
        "blocks.0.branch.norm2.bias": Role.VECTOR,
        "blocks.0.branch.convolution2.weight": Role.HIDDEN,
        "blocks.1.branch.norm1.weight": Role.VECTOR,
        "blocks.1.branch.norm1.bias": Role.VECTOR,
        "blocks.1.branch.convolution1.weight": Role.HIDDEN,
        "blocks.1.branch.norm2.weight": Role.VECTOR,
        "blocks.1.branch.norm2.bias": Role.VECTOR,
        "blocks.1.branch.convolution2.weight": Role.HIDDEN,
        "norm.weight": Role.FINAL_NORM,
        "norm.bias": Role.FINAL_NORM,
        "readout.weight": Role.OUTPUT,
        "readout.bias": Role.SCALAR,
    }
    assert {t.name for t in tensors if t.in_block} == {
        t.name for t in tensors if t.name.startswith("blocks.")
    }


def test_roles_of_the_vit() -> None:
    tensors = model_shape(model_spec(TINY_VIT)).tensors
    block = {
        "0.branch.norm.weight": Role.VECTOR,
        "0.branch.norm.bias": Role.VECTOR,
        "0.branch.layer.qkv.weight": Role.HIDDEN,
        "0.branch.layer.out.weight": Role.HIDDEN,
        "1.branch.norm.weight": Role.VECTOR,
        "1.branch.norm.bias": Role.VECTOR,
        "1.branch.layer.up.weight": Role.HIDDEN,
        "1.branch.layer.up.bias": Role.VECTOR,
        "1.branch.layer.down.weight": Role.HIDDEN,
        "1.branch.layer.down.bias": Role.VECTOR,
    }
    assert {tensor.name: tensor.role for tensor in tensors} == {
        "embedding.patch.weight": Role.INPUT,
        "embedding.patch.bias": Role.VECTOR,
        "embedding.position.weight": Role.INPUT,
        **{f"blocks.0.{name}": role for name, role in block.items()},
        "norm.weight": Role.FINAL_NORM,
        "norm.bias": Role.FINAL_NORM,
        "readout.weight": Role.OUTPUT,
        "readout.bias": Role.SCALAR,
    }


@pytest.mark.parametrize("family", IMAGE_FAMILIES, ids=lambda family: family.name)
def test_cost_counts_as_many_operations_as_torch_does(family: ModelFamily) -> None:
    """Two a parameter and position; attention's own products and a little at each end are left."""
    width = 512
    spec = model_spec(family, width=width, base_width=width)
    model = build_model(spec, device="meta")
    inputs = load_data(spec).batch(0, 0, 2).inputs
    with FlopCounterMode(display=False) as counted:
        model(inputs.to("meta"))
    operations = counted.get_flop_counts()["Global"]
    kernels = sum(n for op, n in operations.items() if "attention" not in str(op))
    parameters = sum(tensor.numel() for tensor in model.parameters())
    positions = family.positions_per_example(spec.dataset)
    assert 2 * parameters * positions * 2 == pytest.approx(kernels, rel=0.03)


def test_a_patch_is_a_square_of_neighbouring_pixels() -> None:
    pixels = torch.arange(128.0).view(1, 128)  # two frames
    patches = to_patches(pixels, DIGITS)
    assert patches.shape == (1, 32, 4)
    assert patches[0, 1].tolist() == [2, 3, 10, 11]
    assert patches[0, 4].tolist() == [16, 17, 24, 25]
    assert patches[0, 16].tolist() == [64, 65, 72, 73]
    assert torch.equal(from_patches(patches, DIGITS), pixels)


def test_attention_over_patches_is_the_textbooks_and_sees_every_patch() -> None:
    """Against softmax(q k^T / sqrt(head size)) v, written out head by head."""
    attention = PatchAttention(16, head_size=8)
    x = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0))
    q, k, v = torch.split(x @ attention.qkv.weight.T, 16, dim=-1)
    heads = [
        (q[..., head] @ k[..., head].mT / 8**0.5).softmax(-1) @ v[..., head]
        for head in (slice(0, 8), slice(8, 16))
    ]
    torch.testing.assert_close(attention(x), torch.cat(heads, dim=-1) @ attention.out.weight.T)
    changed = x.clone()
    changed[:, 4] += 1
    assert not torch.isclose(attention(x), attention(changed)).all(-1).any()


def test_a_convolution_starts_at_the_size_of_its_whole_fan_in() -> None:
    found = {tensor.name: tensor for tensor in model_shape(model_spec(TINY_RESNET)).tensors}
    assert found["stem.weight"].base_std == pytest.approx(9**-0.5)
    assert found["blocks.0.branch.convolution1.weight"].base_std == pytest.approx((9 * 16) ** -0.5)


def test_validation_uses_running_statistics_and_leaves_them_alone() -> None:
    """A batch of one image has no variance of its own: only statistics of training can serve."""
    trial = alone(trial_spec(model=model_spec(TINY_BATCHNORM_RESNET)), 12)
    before = {name: buffer.clone() for name, buffer in trial.model.named_buffers()}
    norm = trial.model.get_submodule("norm")
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.num_batches_tracked == 12
    whole = validation_loss(trial)
    assert trial.model.training
    for name, buffer in trial.model.named_buffers():
        assert torch.equal(buffer, before[name])
    (batch,) = trial.data.validation()
    trial.model.eval()
    with torch.no_grad():
        each = [
            nn.functional.cross_entropy(trial.model(image[None]), target[None]).item()
            for image, target in zip(batch.inputs, batch.targets, strict=True)
        ]
    assert whole == pytest.approx(sum(each) / len(each), rel=1e-5)


def test_buffers_travel_between_cohorts_checkpoints_and_lone_trials(tmp_path: Path) -> None:
    """Running statistics and the integer count of batches, to the last bit of an fp64 update."""
    with precision(torch.float64):
        specs = varied(2, TINY_BATCHNORM_RESNET, width=8, steps=12)
        head = together([new_trial(spec) for spec in specs], 6)
        store = FileCheckpoints(tmp_path)
        stored = [save(t.state(), store, f"{t.spec.number}", 6) for t in head.trials]
        restored = [
            restored_trial(spec, load(at, store)) for spec, at in zip(specs, stored, strict=True)
        ]
        tail = together(restored, 6)
        for spec, trial in zip(specs, tail.trials, strict=True):
            reference = alone(spec, 12)
            assert distance(trial, reference) < 1e-12
            assert validation_loss(trial) == pytest.approx(validation_loss(reference), rel=1e-12)
            for name, buffer in reference.model.named_buffers():
                torch.testing.assert_close(trial.model.get_buffer(name), buffer, rtol=1e-12, atol=0)
            assert trial.model.get_buffer("norm.num_batches_tracked").item() == 12
