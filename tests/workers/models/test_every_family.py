"""Every family of the registry, and options that change its tensors: what all of them hold."""

import math
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import nn

from parametrization.shapes.roles import Role
from tests.workers.cohort.cohorts import alone, distance, identical, precision, together, varied
from tests.workers.specs import (
    GPT_OPTIONS,
    IMAGE_FAMILIES,
    TINY_GAN,
    TINY_GPT,
    TINY_MLP,
    gpt,
    model_spec,
    trial_spec,
)
from tuner.engine.orders import ModelSpec
from tuner.spec.datasets.dataset import Images
from tuner.spec.datasets.registry import default_dataset
from tuner.spec.families.mlp import Mlp
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.families.registry import FAMILIES
from workers.datasets.load import load_data
from workers.models.build import build_model, declared
from workers.references import imported
from workers.training.model_shapes import model_shape
from workers.training.objective import objective
from workers.training.trainer import train_to, validation_loss
from workers.training.trial import new_trial, restored_trial

DECLARED = [made.model_validate({"name": n}) for n, made in FAMILIES.items() if made.builder]
WITH_OPTIONS = [
    *DECLARED,
    TINY_MLP,
    Mlp(name="mlp", depth=3, norm="layernorm", activation="gelu"),
    Mlp(name="mlp", depth=1, norm="rmsnorm", activation="tanh"),
    TINY_GPT,
    gpt(head_size=4, context=8, norm="layernorm", activation="silu"),
    *IMAGE_FAMILIES,
    TINY_GAN,
    *GPT_OPTIONS,
]
STEPS = 8

every_family = pytest.mark.parametrize("family", DECLARED, ids=lambda family: family.name)
with_options = pytest.mark.parametrize("family", WITH_OPTIONS, ids=lambda family: family.name)


def narrow(family: ModelFamily, doublings: int = 0) -> ModelSpec:
    """About 16 wide, or twice, or four times as wide."""
    width = family.smallest_width(16)
    return model_spec(family, width=width * 2**doublings, base_width=width)


@every_family
def test_a_declaration_leads_to_functions(family: ModelFamily) -> None:
    for reference in (family.builder, family.roles, family.training_loss, family.validation_loss):
        assert callable(imported(reference))


@every_family
def test_a_family_has_its_line_in_the_documents(family: ModelFamily) -> None:
    documents = (Path(__file__).parents[3] / "docs" / "families.md").read_text()
    kind = default_dataset(family.trains_on).name
    assert f"\n| `{family.name}` | {kind} |" in documents
    assert type(family).__doc__


@with_options
def test_a_model_predicts_a_class_or_a_number_for_every_target(family: ModelFamily) -> None:
    spec = narrow(family)
    batch = load_data(spec).batch(0, 0, 4)
    predicted = build_model(spec)(batch.inputs)
    if batch.targets.is_floating_point():
        assert predicted.shape == batch.targets.shape
        return
    assert predicted.shape[:-1] == batch.targets.shape
    assert predicted.shape[-1] > int(batch.targets.max())


@with_options
def test_every_parameter_gets_a_gradient(family: ModelFamily) -> None:
    spec = narrow(family)
    model = build_model(spec)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    objective(family).training(model, load_data(spec).batch(0, 0, 4)).backward()  # type: ignore[no-untyped-call]  # torch
    silent = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert silent == []


@with_options
def test_base_shapes_predict_the_shapes_of_every_width(family: ModelFamily) -> None:
    tensors = model_shape(narrow(family)).tensors
    for width_multiplier in (1, 3):
        spec = narrow(family)
        wide = build_model(spec, width=width_multiplier * spec.base_width)
        assert {tensor.name: tensor.shape_at(width_multiplier) for tensor in tensors} == {
            name: tuple(parameter.shape) for name, parameter in wide.named_parameters()
        }


@with_options
def test_every_tensor_has_the_role_that_its_family_declares(family: ModelFamily) -> None:
    roles = {tensor.name: tensor.role for tensor in model_shape(narrow(family)).tensors}
    for pattern, role in declared(family).items():
        matching = {found for name, found in roles.items() if fnmatchcase(name, pattern)}
        assert matching == {role}, pattern
    assert Role.INPUT in roles.values()


@every_family
def test_more_depth_adds_tensors_and_changes_no_role(family: ModelFamily) -> None:
    deep = family.model_copy(update={"depth": family.depth + 1})
    roles = {tensor.name: tensor.role for tensor in model_shape(narrow(family)).tensors}
    deeper = {tensor.name: tensor.role for tensor in model_shape(narrow(deep)).tensors}
    assert len(deeper) > len(roles)
    assert {name: deeper.get(name) for name in roles} == roles


@every_family
def test_a_family_has_residual_blocks_or_says_why_depth_has_no_rule(family: ModelFamily) -> None:
    tensors = model_shape(narrow(family)).tensors
    assert any(tensor.in_block for tensor in tensors) != bool(family.no_depth_rule)


@pytest.mark.parametrize("deeper", [0, 1])
@pytest.mark.parametrize("doublings", [0, 1])
@every_family
def test_training_is_finite_and_the_same_every_time(
    family: ModelFamily, doublings: int, deeper: int
) -> None:
    deep = family.model_copy(update={"depth": family.depth + deeper})
    spec = trial_spec(model=narrow(deep, doublings))
    one, other = alone(spec, 2), alone(spec, 2)
    assert identical(one, other)
    assert all(map(math.isfinite, one.train_losses))
    validation = validation_loss(one)
    assert validation is not None
    assert math.isfinite(validation)


@every_family
def test_a_resumed_trial_ends_as_if_never_stopped(family: ModelFamily) -> None:
    spec = trial_spec(model=narrow(family))
    whole, part = alone(spec, STEPS), alone(spec, 3)
    resumed = restored_trial(spec, part.state())
    train_to(resumed, STEPS)
    assert identical(resumed, whole)


@pytest.mark.parametrize(
    ("family", "shared_seed"),
    [
        *(pytest.param(family, False, id=family.name) for family in DECLARED),
        *(pytest.param(family, True, id=f"{family.name}-one-seed") for family in IMAGE_FAMILIES),
    ],
)
def test_a_trial_of_a_cohort_equals_the_trial_alone(
    family: ModelFamily, *, shared_seed: bool
) -> None:
    """Convolutions are summed by another kernel than alone, buffers move in place.

    Validation may be less exact: roots of eigenvalues that are nearly zero magnify roundings.
    """
    with precision(torch.float64):
        width = family.smallest_width(8)
        specs = varied(3, family, width=width, steps=STEPS, shared_seed=shared_seed)
        cohort = together([new_trial(spec) for spec in specs], STEPS)
        for spec, trial in zip(specs, cohort.trials, strict=True):
            reference = alone(spec, STEPS)
            assert distance(trial, reference) < 1e-12
            assert validation_loss(trial) == pytest.approx(validation_loss(reference), rel=1e-8)


@with_options
def test_a_width_that_splits_a_part_is_refused_with_the_nearest_legal_one(
    family: ModelFamily,
) -> None:
    spec = narrow(family)
    if family.width_divisor == 1:
        assert build_model(spec, width=spec.width + 1)
        return
    words = f"({family.divisor_field}): the nearest legal width is {spec.width}"
    with pytest.raises(ValueError, match=re.escape(words)):
        build_model(spec, width=spec.width + 1)


@pytest.mark.parametrize(
    "family",
    [family for family in DECLARED if issubclass(family.trains_on, Images)],
    ids=lambda family: family.name,
)
def test_a_family_of_images_fits_any_dataset_of_its_kind(family: ModelFamily) -> None:
    """Three channels, 16 x 16 pixels, five classes: nothing is the digits' but in their record."""

    class Coloured(family.trains_on):  # type: ignore[name-defined,misc]  # the kind is a value
        channels: ClassVar = 3
        side: ClassVar = 16
        classes: ClassVar = 5

    dataset = Coloured(name="coloured")
    model = imported(family.builder)(family, dataset, family.smallest_width(16))
    ours = build_model(narrow(family))
    batch = load_data(narrow(family)).batch(0, 0, 2)
    extra = batch.inputs.shape[1] % 64  # a time, or latents
    outputs = model(torch.randn(2, 3 * 256 + extra)).shape[1]
    assert outputs == (3 * 256 if batch.targets.is_floating_point() else 5)
    assert [name for name, _ in model.named_parameters()] == [
        name for name, _ in ours.named_parameters()
    ]


@with_options
@pytest.mark.parametrize("widths", [1, 2, 5, 16])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_parameters_are_counted_as_they_are_built(
    family: ModelFamily, widths: int, depth: int
) -> None:
    """Without building it: the process that answers requests has no torch."""
    deep = family.model_copy(update={"depth": depth})
    width = widths * family.smallest_width(16)
    spec = model_spec(deep, width=width, base_width=width)
    built = build_model(spec, device="meta")
    expected = sum(tensor.numel() for tensor in built.parameters())
    assert deep.parameters(spec.dataset, width) == expected
