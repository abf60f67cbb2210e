"""Models of transformers classify as they are, get the numbers of `mup`, and are saved plain."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mup
import pytest
import torch
import transformers
from torch import Tensor, nn

from benchmarks.checks.tried.transformers_models import MODELS, VOCABULARY, gpt2, llama
from parametrization.nn.apply import apply
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.fold_multipliers import fold_multipliers
from parametrization.nn.layers import WithMultiplier
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import ModelShape, Role
from tests.parametrization.builders import hyperparameters

BASE, TARGET = 64, 256
each_model = pytest.mark.parametrize("name", MODELS)


def shape_of(build: Callable[[int], nn.Module]) -> ModelShape:
    return derive_model_shape(build(BASE), build(2 * BASE), BASE)


def logits(model: nn.Module) -> Tensor:
    inputs: dict[str, Tensor] = {"input_ids": torch.arange(8)[None] % VOCABULARY}
    if model.main_input_name == "pixel_values":
        inputs = {"pixel_values": torch.ones(1, 3, 32, 32)}
    result: Tensor = model(**inputs).logits
    return result


def applied(build: Callable[[int], nn.Module]) -> Any:  # noqa: ANN401  # transformers' own methods
    model = build(TARGET)
    apply(
        model,
        shape_of(build),
        hyperparameters("adamw"),
        Multipliers(width=TARGET / BASE),
        optimizer="adamw",
        schedule=Schedule(),
        steps=10,
        seed=0,
    )
    return model.eval()


ROLES = {
    "gpt2": {Role.INPUT: 2, Role.HIDDEN: 8, Role.VECTOR: 18},
    "llama": {Role.INPUT: 1, Role.HIDDEN: 14, Role.VECTOR: 5, Role.OUTPUT: 1},
    "qwen2": {
        **{Role.INPUT: 1, Role.HIDDEN: 10, Role.VECTOR: 7, Role.OUTPUT: 1},
        **{Role.GQA_KV: 4, Role.SCALAR: 4},
    },
    "qwen3": {Role.INPUT: 1, Role.HIDDEN: 14, Role.VECTOR: 5, Role.OUTPUT: 1, Role.SCALAR: 4},
    "mixtral": {
        **{Role.INPUT: 1, Role.HIDDEN: 12, Role.VECTOR: 5, Role.OUTPUT: 1},
        **{Role.MOE_ROUTER: 2},
    },
    "bert": {Role.INPUT: 3, Role.HIDDEN: 13, Role.VECTOR: 25, Role.SCALAR: 1},
    "vit": {Role.INPUT: 3, Role.HIDDEN: 12, Role.VECTOR: 23, Role.OUTPUT: 1, Role.SCALAR: 1},
}


@each_model
def test_a_model_classifies_as_it_is(name: str) -> None:
    shape = shape_of(MODELS[name])
    assert Counter(t.role for t in shape.tensors) == ROLES[name]
    assert [t.name for t in shape.tensors if t.tied] == {
        "gpt2": ["transformer.wte.weight"],
        "bert": ["bert.embeddings.word_embeddings.weight"],
    }.get(name, [])


@pytest.mark.parametrize("name", [n for n in MODELS if n not in ("qwen2", "mixtral")])
def test_rates_and_decays_are_those_of_muadamw(name: str) -> None:
    """Routers and fixed keys have no rule in `mup`, which takes them for outputs."""
    build = MODELS[name]
    numbers, larger = hyperparameters("adamw"), Multipliers(width=TARGET / BASE)
    ours = {s.name: s for s in scale(shape_of(build), numbers, larger, optimizer="adamw")}
    model = build(TARGET)
    base, delta = build(BASE), build(2 * BASE)
    mup.set_base_shapes(model, base, delta=delta, rescale_params=False, do_assert=False)
    groups = mup.MuAdamW(model.parameters(), lr=2.0**-6, weight_decay=0.1).param_groups
    theirs = {id(p): group for group in groups for p in group["params"]}
    for parameter_name, parameter in model.named_parameters():
        scaling, group = ours[parameter_name], theirs[id(parameter)]
        assert scaling.learning_rate == pytest.approx(group["lr"]), parameter_name
        assert scaling.weight_decay == pytest.approx(group["weight_decay"]), parameter_name


@each_model
def test_applying_starts_every_tensor_and_the_models_are_functions_of_their_inputs(
    name: str,
) -> None:
    model = applied(MODELS[name])
    result = logits(model)
    assert result.isfinite().all()
    assert result.std() > 1e-3  # a gain of zero would leave nothing
    factors = {m.multiplier for m in model.modules() if isinstance(m, WithMultiplier)}
    assert factors == {BASE / TARGET}


def test_the_folded_model_is_saved_and_loaded_by_transformers(tmp_path: Path) -> None:
    """A quarter is exact, so the loaded model computes the same bits."""
    model = applied(llama)
    expected = logits(model)
    fold_multipliers(model)
    model.save_pretrained(tmp_path)
    loaded: Any = transformers.LlamaForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(logits(loaded.eval()), expected)


def test_the_untied_model_is_saved_and_loaded_by_transformers(tmp_path: Path) -> None:
    model = applied(gpt2)
    expected = logits(model)
    with pytest.raises(ValueError, match=r"lm_head reads a lookup table times 0\.25"):
        fold_multipliers(model)
    fold_multipliers(model, untie=True)
    model.save_pretrained(tmp_path)
    loaded: Any = transformers.GPT2LMHeadModel.from_pretrained(tmp_path)
    assert torch.equal(logits(loaded.eval()), expected)


def test_scaling_the_own_start_keeps_what_transformers_draws() -> None:
    """One deviation of 0.02 at every width: hidden matrices shrink, tables and gains stay."""
    torch.manual_seed(0)
    before = {name: p.clone() for name, p in llama(TARGET).named_parameters()}
    shape = shape_of(llama)
    torch.manual_seed(0)
    model = llama(TARGET)
    apply(
        model,
        shape,
        hyperparameters("adamw"),
        Multipliers(width=TARGET / BASE),
        optimizer="adamw",
        schedule=Schedule(),
        steps=10,
        seed=0,
        initial="scale",
    )
    roles = {t.name: t.role for t in shape.tensors}
    for name, parameter in model.named_parameters():
        factor = 0.5 if roles[name] is Role.HIDDEN else 1.0
        torch.testing.assert_close(parameter, factor * before[name])
