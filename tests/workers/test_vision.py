"""Image families: that they learn, which role every kind of tensor has, and evaluation mode."""

from pathlib import Path

import pytest
import torch
from torch import nn

from parametrization.roles import Role
from parametrization.rules import Optimizer
from tests.workers.cohorts import alone, distance, precision, together, varied
from tests.workers.specs import (
    TINY_BATCHNORM_RESNET,
    TINY_RESNET,
    hyperparameters,
    model_spec,
    training,
    trial_spec,
)
from tuner.families import AnyFamily
from workers.checkpoint import load, save
from workers.model_shapes import model_shape
from workers.models.build import build_model
from workers.trainer import train_to, validation_loss
from workers.trial import new_trial, restored_trial

IMAGE_FAMILIES: list[AnyFamily] = [TINY_RESNET, TINY_BATCHNORM_RESNET]


@pytest.mark.parametrize("family", IMAGE_FAMILIES, ids=lambda family: family.name)
def test_a_tiny_model_learns(family: AnyFamily) -> None:
    trial = new_trial(
        trial_spec(
            model=model_spec(family),
            values=hyperparameters(Optimizer.ADAMW, learning_rate=2.0**-7),
            train=training(steps=60, batch_size=16),
        )
    )
    before = validation_loss(trial)
    segment = train_to(trial, 60)
    assert segment.validation_loss is not None
    assert segment.validation_loss < 0.9 * before


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


def test_a_convolution_starts_at_the_size_of_its_whole_fan_in() -> None:
    found = {tensor.name: tensor for tensor in model_shape(model_spec(TINY_RESNET)).tensors}
    assert found["stem.weight"].base_std == pytest.approx(9**-0.5)
    assert found["blocks.0.branch.convolution1.weight"].base_std == pytest.approx((9 * 16) ** -0.5)


def test_a_width_that_splits_a_group_is_refused() -> None:
    with pytest.raises(ValueError, match="width 18 is not a multiple of group_size 4"):
        build_model(model_spec(TINY_RESNET, width=18))


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
        stored = [save(t.state(), tmp_path / f"{t.spec.number}.pt", 6) for t in head.trials]
        restored = [restored_trial(spec, load(at)) for spec, at in zip(specs, stored, strict=True)]
        tail = together(restored, 6)
        for spec, trial in zip(specs, tail.trials, strict=True):
            reference = alone(spec, 12)
            assert distance(trial, reference) < 1e-12
            assert validation_loss(trial) == pytest.approx(validation_loss(reference), rel=1e-12)
            for name, buffer in reference.model.named_buffers():
                torch.testing.assert_close(trial.model.get_buffer(name), buffer, rtol=1e-12, atol=0)
            assert trial.model.get_buffer("norm.num_batches_tracked").item() == 12
