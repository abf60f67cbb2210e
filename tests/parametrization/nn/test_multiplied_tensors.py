"""Raw tensors that a model multiplies with by hand are outputs and routers like any layer's."""

import copy
import io
import pickle
import re
from collections.abc import Callable, Mapping
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from parametrization.nn.apply import Prepared, apply
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.classify import Declaration, UnclassifiedTensors
from parametrization.nn.fold_multipliers import fold_multipliers
from parametrization.nn.layers import WithMultiplier
from parametrization.nn.own_model import check
from parametrization.nn.readouts.multiplied_tensors import multiply_tensor
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import Role
from tests.parametrization.builders import hyperparameters

CLASSES = 7


class ByHand(nn.Module):
    """Holds its readout itself, and a bias beside it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.unembed = nn.Parameter(torch.randn(width, CLASSES) / width**0.5)
        self.bias = nn.Parameter(torch.ones(CLASSES))
        self.table = nn.Embedding(11, width)
        self.mix = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.mix(self.table(tokens))
        return torch.einsum("bd,dc->bc", hidden, self.unembed) + self.bias


class Experts(nn.Module):
    """A router and the experts that it routes to, raw in one module."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.route = nn.Parameter(torch.randn(width, 4) / width**0.5)
        self.expert = nn.Parameter(torch.randn(4, width, width) / width**0.5)

    def forward(self, x: Tensor) -> Tensor:
        shares = (x @ self.route).softmax(-1)
        return torch.einsum("bd,edf,be->bf", x, self.expert, shares)


class Routed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(3, width)
        self.experts = Experts(width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.experts(self.first(x)))
        return logits


ROUTED = {
    "experts.route": Declaration(Role.MOE_ROUTER, 0, 1),
    "experts.expert": Declaration(Role.HIDDEN, 1, 2, stacked_axis=0),
}
TOKENS = torch.arange(8) % 11


def proposed(build: Callable[[int], nn.Module]) -> dict[str, Role | Declaration]:
    with pytest.raises(UnclassifiedTensors) as refused:
        derive_model_shape(build(32), build(64), 32)
    return refused.value.proposals


def applied(
    build: Callable[[int], nn.Module],
    model: nn.Module,
    roles: Mapping[str, Role | Declaration],
    **tuned: float,
) -> Prepared:
    """As a target of width 128 over base 32."""
    return apply(
        model,
        derive_model_shape(build(32), build(64), 32, roles=roles),
        hyperparameters("adamw") | tuned,
        Multipliers(width=4),
        optimizer="adamw",
        schedule=Schedule(),
        steps=10,
        seed=0,
    )


class Unembedding(nn.Module):
    """As interpretability people write it."""

    def __init__(self, width: int, name: str, shape: Callable[[int], tuple[int, ...]]) -> None:
        super().__init__()
        self.mix = nn.Linear(width, width)
        self.register_parameter(name, nn.Parameter(0.02 * torch.randn(shape(width))))


@pytest.mark.parametrize(
    ("name", "shape", "fan_in", "fan_out"),
    [
        ("W_U", lambda width: (width, CLASSES), 0, 1),
        ("unembed", lambda width: (CLASSES, width), 1, 0),
        ("lm_head", lambda width: (width, 1, CLASSES), 0, (1, 2)),
        ("to_logits", lambda width: (width, 300), 0, 1),
    ],
)
def test_a_raw_output_is_proposed_as_one_by_its_name(
    name: str, shape: Callable[[int], tuple[int, ...]], fan_in: int, fan_out: int | tuple[int, ...]
) -> None:
    build = partial(Unembedding, name=name, shape=shape)
    said = {name: Declaration(Role.OUTPUT, fan_in, fan_out)}
    assert proposed(build) == said
    assert derive_model_shape(build(32), build(64), 32, roles=said)


def test_a_sum_that_the_root_holds_is_an_output_unless_the_model_has_another() -> None:
    class Summed(Unembedding):
        def __init__(self, width: int, *, with_head: bool) -> None:
            super().__init__(width, "W", lambda width: (width, 100))
            self.W = nn.Parameter(torch.randn(width, 100) / width**0.5)
            if with_head:
                self.head = nn.Linear(width, 3)

    alone, beside = (proposed(partial(Summed, with_head=has)) for has in (False, True))
    assert alone == {"W": Declaration(Role.OUTPUT, 0, 1)}
    assert beside == {"W": Declaration(Role.FIXED_BOTTLENECK, 0, 1)}


def test_a_raw_output_is_multiplied_and_its_bias_is_not() -> None:
    model = ByHand(128)
    prepared = applied(ByHand, model, proposed(ByHand))
    assert isinstance(model, WithMultiplier)
    assert model.multiplier == 1 / 4
    stored = dict(model.named_parameters())
    assert set(stored) == {"unembed", "bias", "table.weight", "mix.weight", "mix.bias"}
    expected = model.mix(model.table(TOKENS)) @ stored["unembed"] / 4 + 1
    torch.testing.assert_close(model(TOKENS), expected)
    model(TOKENS).sum().backward()
    prepared.optimizer.step()
    assert stored["unembed"].grad is not None


def test_a_raw_router_leaves_what_the_experts_are_given_alone() -> None:
    model = Routed(128)
    applied(Routed, model, ROUTED)
    experts, x = model.experts, torch.randn(5, 128, generator=torch.Generator().manual_seed(0))
    stored = dict(experts.named_parameters())
    shares = (x @ stored["route"] / 4).softmax(-1)
    expected = torch.einsum("bd,edf,be->bf", x, stored["expert"], shares)
    torch.testing.assert_close(experts(x), expected)


def test_it_is_copied_stored_compiled_mapped_and_pickled() -> None:
    model = ByHand(128)
    applied(ByHand, model, proposed(ByHand))
    expected = model(TOKENS)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    loaded = ByHand(128)
    multiply_tensor(loaded, "unembed")
    multiply_tensor(loaded, "unembed")  # once more changes nothing
    loaded.load_state_dict(torch.load(file))
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    again = pickle.loads(pickle.dumps(model))
    for one in (copy.deepcopy(model), loaded, compiled, again):
        assert torch.equal(one(TOKENS), expected)
    doubled = {name: 2 * tensor for name, tensor in model.named_parameters()}
    changed = functional_call(model, {**doubled, "mix.bias": 0 * doubled["mix.bias"]}, (TOKENS,))
    linear = functional_call(
        model, {"mix.bias": 0 * doubled["mix.bias"], "bias": 0 * doubled["bias"]}, (TOKENS,)
    )
    torch.testing.assert_close(changed, 8 * linear + 2)


def test_folding_makes_a_plain_model_of_it() -> None:
    model = ByHand(128)
    applied(ByHand, model, proposed(ByHand))
    expected = model(TOKENS)
    assert fold_multipliers(model) == ("",)
    assert type(model) is ByHand
    assert not any("extra_state" in name for name in model.state_dict())
    torch.testing.assert_close(model(TOKENS), expected)


def test_the_check_passes_as_proposed() -> None:
    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    def batch(seed: int, step: int) -> tuple[Tensor, Tensor]:
        draw = torch.Generator().manual_seed(100 * seed + step)
        tokens = torch.randint(11, (64,), generator=draw)
        return tokens, tokens % CLASSES

    verdict = check(
        ByHand, loss, batch, base_width=32, widths=(32, 64, 128), roles=proposed(ByHand)
    )
    assert verdict.passed, verdict.summary


def test_two_multipliers_of_one_module_are_refused() -> None:
    class Both(Experts):
        def __init__(self, width: int) -> None:
            super().__init__(width)
            self.out = nn.Parameter(torch.randn(width, CLASSES))

    roles = {name.rpartition(".")[2]: said for name, said in ROUTED.items()}
    roles["out"] = Declaration(Role.OUTPUT, 0, 1)
    words = "route needs the forward multiplier 0.25 and out 0.5, and BothReadout has one"
    with pytest.raises(ValueError, match=words):
        applied(Both, Both(128), roles, output_multiplier=2.0)
    model = Both(128)
    applied(Both, model, roles)
    assert isinstance(model, WithMultiplier)
    assert model.multiplier == 1 / 4


def test_what_cannot_be_multiplied_says_why() -> None:
    class Stateful(ByHand):
        def get_extra_state(self) -> int:
            return 1

    with pytest.raises(ValueError, match=r"unembed is of a Stateful, .* extra state of its own"):
        multiply_tensor(Stateful(32), "unembed")
    with pytest.raises(ValueError, match=re.escape("ByHand holds no parameter W_U, of W_U")):
        multiply_tensor(ByHand(32), "W_U")
    with pytest.raises(ValueError, match=re.escape("there is no module head, and so no")):
        multiply_tensor(ByHand(32), "head.W_U")
