"""Residual blocks of the families: a multiplier on every branch, and nothing else at base depth."""

import pytest
import torch
from torch import Tensor

from parametrization.nn.layers import ResidualSum
from parametrization.rules.parametrization import Parametrization
from parametrization.shapes.deeper_models import shape_at_depth
from tests.workers.cohort.cohorts import alone, distance, identical, together
from tests.workers.specs import (
    OPTIONED_GPT,
    TINY_DIT,
    TINY_MLP,
    TINY_RESNET,
    TINY_VIT,
    gpt,
    model_spec,
    trial_spec,
)
from tuner.engine.orders import ModelSpec
from tuner.spec.families.model_family import ModelFamily
from workers.models.build import build_model
from workers.training.model_shapes import model_shape
from workers.training.trainer import train_to
from workers.training.trial import RunningTrial, new_trial, restored_trial

BLOCKS: list[ModelFamily] = [gpt(depth=2), OPTIONED_GPT, TINY_VIT, TINY_DIT, TINY_RESNET]


def trained(family: ModelFamily) -> RunningTrial:
    trial = new_trial(trial_spec(model=model_spec(family)))
    train_to(trial, 4)
    return trial


@pytest.mark.parametrize("family", BLOCKS, ids=lambda family: family.name)
def test_at_base_depth_a_model_trains_bit_for_bit_like_plain_sums(
    family: ModelFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_multipliers = trained(family)

    def plain(_: ResidualSum, stream: Tensor, branch: Tensor) -> Tensor:
        return stream + branch

    monkeypatch.setattr(ResidualSum, "plus", plain)
    assert identical(with_multipliers, trained(family))


@pytest.mark.parametrize("family", BLOCKS, ids=lambda family: family.name)
def test_every_tensor_of_the_blocks_is_in_a_block_and_no_other(family: ModelFamily) -> None:
    for tensor in model_shape(model_spec(family)).tensors:
        assert tensor.in_block == tensor.name.startswith("blocks."), tensor.name


def test_both_branches_of_a_gpts_block_are_multiplied_and_the_stream_is_not() -> None:
    block = build_model(model_spec(gpt())).get_submodule("blocks.0")
    x = torch.randn(2, 16, 16, generator=torch.Generator().manual_seed(0))
    assert isinstance(block, ResidualSum)
    branch = {
        name: block.get_submodule(name)
        for name in ("attention", "attention_norm", "feed_forward", "feed_forward_norm")
    }
    block.multiplier = 0.25
    attended = x + 0.25 * branch["attention"](branch["attention_norm"](x))
    expected = attended + 0.25 * branch["feed_forward"](branch["feed_forward_norm"](attended))
    torch.testing.assert_close(block(x), expected)


def deeper(**fields: object) -> ModelSpec:
    return model_spec(gpt(depth=4)).model_copy(update={"base_depth": 2, **fields})


def multipliers(spec: ModelSpec) -> set[float]:
    return {m.multiplier for m in build_model(spec).modules() if isinstance(m, ResidualSum)}


def test_a_model_deeper_than_its_base_is_built_with_its_branch_multiplier() -> None:
    assert multipliers(deeper()) == {0.5}
    assert multipliers(deeper(base_depth=None)) == {1.0}
    assert multipliers(deeper(parametrization=Parametrization.SP)) == {1.0}


@pytest.mark.parametrize("family", [gpt(depth=2), TINY_VIT], ids=lambda family: family.name)
def test_a_cohort_multiplies_branches_as_its_trials_do_alone(family: ModelFamily) -> None:
    """Two cohorts of one shape, whose branches have multipliers of their own."""
    for base_depth in (1, 4):
        model = model_spec(family).model_copy(update={"base_depth": base_depth})
        specs = [trial_spec(number=number, model=model, seed=number) for number in range(2)]
        cohort = together([new_trial(spec) for spec in specs], 4)
        for trial, spec in zip(cohort.trials, specs, strict=True):
            assert distance(trial, alone(spec, 4)) < 1e-4


def test_depth_without_residual_branches_is_refused() -> None:
    spec = model_spec(TINY_MLP).model_copy(update={"base_depth": 1})
    with pytest.raises(ValueError, match=r"need the multiplier 0\.5, and none is a"):
        build_model(spec)


def test_a_checkpoint_from_before_blocks_had_a_multiplier_is_taken() -> None:
    trial = new_trial(trial_spec(model=deeper()))
    train_to(trial, 3)
    state = trial.state()
    state["model"] = {k: v for k, v in state["model"].items() if k != "blocks.0._extra_state"}
    restored = restored_trial(trial.spec, state)
    assert identical(restored, trial)
    assert multipliers(trial.spec.model) == {0.5}
    del state["model"]["blocks.0.attention.out.weight"]
    with pytest.raises(RuntimeError, match=r"Missing key.*attention\.out"):
        restored_trial(trial.spec, state)


@pytest.mark.parametrize("family", BLOCKS, ids=lambda family: family.name)
def test_the_shape_of_a_deeper_model_follows_from_the_proxys(family: ModelFamily) -> None:
    deep = family.model_copy(update={"depth": 5})
    proxy = model_shape(model_spec(family))
    assert shape_at_depth(proxy, family.depth, 5) == model_shape(model_spec(deep))
