"""What each option of the GPT computes, and what it is to the scaling rules."""

from collections.abc import Mapping
from typing import TypeVar

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.layers import ExpertLinear
from parametrization.nn.models.layers.gpt_attention import Attention, rotated
from parametrization.nn.models.layers.gpt_feed_forward import FeedForward, Mixture, sparse_gates
from parametrization.shapes.family_sizes import TIED_SCALE
from parametrization.shapes.roles import Role
from tests.workers.specs import TINY_GPT, gpt, hyperparameters, model_spec
from tuner.spec.families.gpt import Gpt
from workers.models.build import build_model
from workers.training.model_shapes import model_scalings, model_shape

M = TypeVar("M", bound=nn.Module)
WIDTH = 32  # four heads of eight
ATTENTION, FEED_FORWARD = "blocks.0.attention", "blocks.0.feed_forward"


def random(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal, fp64."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def filled(module: M) -> M:
    """In fp64, with random tensors."""
    module.double()
    with torch.no_grad():
        for number, parameter in enumerate(module.parameters()):
            parameter.copy_(0.3 * random(*parameter.shape, seed=number))
    return module


GAINS = {
    "blocks.0.attention_norm.weight": None,
    "blocks.0.feed_forward_norm.weight": None,
    "norm.weight": None,
}
ROLES = [
    pytest.param(
        {"query_heads_per_kv_head": 2},
        {f"{ATTENTION}.q.weight": Role.HIDDEN, f"{ATTENTION}.kv.weight": Role.HIDDEN}
        | {f"{ATTENTION}.qkv.weight": None},
        id="grouped",
    ),
    pytest.param(
        {"fixed_kv_heads": 1},
        {f"{ATTENTION}.q.weight": Role.HIDDEN, f"{ATTENTION}.kv.weight": Role.GQA_KV}
        | {f"{ATTENTION}.qkv.weight": None},
        id="fixed",
    ),
    pytest.param(
        {"qk_norm": True},
        dict.fromkeys(
            (f"{ATTENTION}.q_norm.weight", f"{ATTENTION}.k_norm.weight"), Role.QK_NORM_GAIN
        ),
        id="qk-norm",
    ),
    pytest.param({"positions": "rope"}, {"position.weight": None}, id="rope"),
    pytest.param({"tied": True}, {"readout.weight": None}, id="tied"),
    pytest.param({"norm_gains": False, "qk_norm": True}, GAINS, id="no gains"),
    pytest.param(
        {"activation": "swiglu"}, {f"{FEED_FORWARD}.gate.weight": Role.HIDDEN}, id="swiglu"
    ),
    pytest.param(
        {"experts": 4},
        {
            f"{FEED_FORWARD}.router.weight": Role.MOE_ROUTER,
            f"{FEED_FORWARD}.experts.up.weight": Role.HIDDEN,
            f"{FEED_FORWARD}.experts.down.weight": Role.HIDDEN,
            f"{FEED_FORWARD}.up.weight": None,
            f"{FEED_FORWARD}.down.weight": None,
        },
        id="experts",
    ),
]


@pytest.mark.parametrize(("options", "changes"), ROLES)
def test_an_option_changes_these_roles_and_no_others(
    options: dict[str, object], changes: Mapping[str, Role | None]
) -> None:
    """Against the default's; None where a tensor is gone."""
    default, optioned = (
        {tensor.name: tensor.role for tensor in model_shape(model_spec(family)).tensors}
        for family in (TINY_GPT, gpt(**options))
    )
    expected = {**default, **changes}
    assert optioned == {name: role for name, role in expected.items() if role is not None}


def test_tensors_are_in_a_block_or_outside_by_where_they_stand() -> None:
    shape = model_shape(model_spec(gpt(qk_norm=True, experts=2, fixed_kv_heads=1)))
    inside = {tensor.name for tensor in shape.tensors if tensor.in_block}
    assert inside == {t.name for t in shape.tensors if t.name.startswith("blocks.")}
    assert len(inside) == 10


@pytest.mark.parametrize("options", [{"query_heads_per_kv_head": 2}, {"fixed_kv_heads": 2}])
def test_grouped_attention_is_multi_head_attention_with_repeated_heads(
    options: dict[str, int],
) -> None:
    grouped, full = filled(Attention(gpt(**options), WIDTH)), filled(Attention(TINY_GPT, WIDTH))
    keys, values = grouped.kv.weight.detach().chunk(2)
    repeated = [
        half.view(2, 8, WIDTH).repeat_interleave(2, dim=0).flatten(0, 1) for half in (keys, values)
    ]
    with torch.no_grad():
        full.qkv.weight.copy_(torch.cat((grouped.q.weight, *repeated)))
        full.out.weight.copy_(grouped.out.weight)
    x = random(3, 16, WIDTH)
    torch.testing.assert_close(grouped(x), full(x), rtol=1e-12, atol=1e-12)


def test_fixed_heads_keep_their_number_and_grouped_ones_their_ratio() -> None:
    rows = {
        option: [
            build_model(model_spec(gpt(**{option: 2}), width=width))
            .get_parameter(f"{ATTENTION}.kv.weight")
            .shape[0]
            for width in (32, 64)
        ]
        for option in ("fixed_kv_heads", "query_heads_per_kv_head")
    }
    assert rows == {"fixed_kv_heads": [32, 32], "query_heads_per_kv_head": [32, 64]}


def test_fixed_heads_train_at_a_rate_over_fan_in_and_not_with_sgd() -> None:
    spec = model_spec(gpt(fixed_kv_heads=1), width=64)
    scaled = {
        scaling.name: scaling for scaling in model_scalings(spec, "adamw", hyperparameters("adamw"))
    }
    rate = hyperparameters("adamw")["learning_rate"]
    assert scaled[f"{ATTENTION}.kv.weight"].learning_rate == rate / 4
    with pytest.raises(ValueError, match="let that dimension grow with width"):
        model_scalings(spec, "sgd", hyperparameters("sgd"))


@pytest.mark.parametrize("qk_norm", [True, False])
def test_with_qk_norm_the_size_of_queries_and_keys_does_not_matter(qk_norm: bool) -> None:
    attention = filled(Attention(gpt(qk_norm=qk_norm), WIDTH))
    x = random(2, 16, WIDTH)
    before = attention(x)
    with torch.no_grad():
        attention.qkv.weight[: 2 * WIDTH] *= 5
    assert torch.allclose(attention(x), before, rtol=0.0, atol=1e-4) is qk_norm


def test_rotated_logits_depend_on_the_distance_alone() -> None:
    """One query and one key at every position: logits[i, j] is a function of i - j."""
    query, key = (random(1, 1, 1, 8, seed=seed).expand(1, 1, 16, 8) for seed in (0, 1))
    logits = (rotated(query) @ rotated(key).mT)[0, 0]
    torch.testing.assert_close(logits[1:, 1:], logits[:-1, :-1], rtol=1e-12, atol=1e-12)
    assert len(set(logits[:, 0].tolist())) == 16  # and it does depend on it
    lengths = rotated(query).norm(dim=-1)
    torch.testing.assert_close(lengths, query.norm(dim=-1), rtol=1e-12, atol=0.0)
    torch.testing.assert_close(logits.diagonal(), (query @ key.mT)[0, 0].diagonal())


def test_rotation_is_that_of_complex_numbers() -> None:
    heads = random(1, 2, 16, 8)
    frequencies = 10_000.0 ** (-torch.arange(4, dtype=torch.float64) / 4)
    turns = torch.exp(1j * torch.arange(16, dtype=torch.float64)[:, None] * frequencies)
    turned = torch.complex(heads[..., :4], heads[..., 4:]) * turns
    torch.testing.assert_close(
        rotated(heads), torch.cat((turned.real, turned.imag), -1), rtol=1e-12, atol=1e-12
    )


def test_rotation_in_half_precision_keeps_its_angles() -> None:
    """Position 3001 does not exist in bfloat16, where steps are of 16 there."""
    heads = random(1, 1, 3002, 8)
    late = rotated(heads.bfloat16())
    assert late.dtype is torch.bfloat16
    torch.testing.assert_close(late.double(), rotated(heads), rtol=0.0, atol=0.05)


def test_angles_and_gates_are_made_where_the_tensors_are() -> None:
    """Made on the processor, they would not meet tensors elsewhere."""
    heads = torch.empty(1, 2, 16, 8, device="meta")
    assert rotated(heads).is_meta
    assert sparse_gates(heads, 2).is_meta


def test_a_tied_readout_reads_the_embeddings_table() -> None:
    model = filled(build_model(model_spec(gpt(tied=True))))
    read: list[Tensor] = []
    model.get_submodule("norm").register_forward_hook(lambda _m, _x, out: read.append(out))
    logits = model(torch.tensor([[3, 7]]))
    table = model.get_parameter("token.weight")
    torch.testing.assert_close(logits, TIED_SCALE * read[0] @ table.T)
    logits[..., 200].sum().backward()
    assert table.grad is not None
    assert table.grad.any(dim=-1).nonzero().flatten().tolist() == [3, 7, 200]


def test_a_tied_readouts_logits_are_divided_by_the_growth_of_width() -> None:
    spec = model_spec(gpt(tied=True), width=64)
    scaled = model_scalings(spec, "adamw", hyperparameters("adamw", output_multiplier=3.0))
    table = next(scaling for scaling in scaled if scaling.name == "token.weight")
    assert (table.init_std, table.multiplier) == (1.0, 3.0 / 4)


def test_swiglu_is_its_formula() -> None:
    module = filled(FeedForward(gpt(activation="swiglu"), WIDTH))
    x = random(2, 16, WIDTH)
    up, down, gate = (module.get_parameter(f"{name}.weight") for name in ("up", "down", "gate"))
    gated = x @ gate.T
    expected = (gated * gated.sigmoid() * (x @ up.T)) @ down.T
    torch.testing.assert_close(module(x), expected, rtol=1e-12, atol=1e-12)
    assert up.shape == gate.shape == (3 * WIDTH, WIDTH)


@pytest.mark.parametrize("per_token", [1, 2, 4])
def test_a_token_is_the_weighted_sum_of_its_experts(per_token: int) -> None:
    """Expert by expert and token by token, against the dense computation."""
    mixture = filled(Mixture(gpt(experts=4, experts_per_token=per_token), WIDTH))
    x = random(2, 3, WIDTH)
    up, down = mixture.experts.up, mixture.experts.down
    assert isinstance(up, ExpertLinear)
    assert isinstance(down, ExpertLinear)
    expected = torch.zeros_like(x)
    for at in ((batch, position) for batch in range(2) for position in range(3)):
        shares = (x[at] @ mixture.router.weight.T).softmax(-1)
        for expert in shares.argsort(descending=True)[:per_token]:
            hidden = functional.gelu(x[at] @ up.weight[expert].T)
            expected[at] += shares[expert] * (hidden @ down.weight[expert].T)
    torch.testing.assert_close(mixture(x), expected, rtol=1e-12, atol=1e-12)


def test_gates_are_the_largest_shares_and_let_the_router_learn_even_from_one() -> None:
    logits = random(50, 4).requires_grad_()
    gates = sparse_gates(logits, 1)
    assert (gates > 0).sum(-1).tolist() == [1] * 50
    torch.testing.assert_close(gates.sum(-1), logits.softmax(-1).amax(-1))
    (gradient,) = torch.autograd.grad(gates.sum(), logits)
    assert gradient.any(dim=-1).all()


def test_a_routers_logits_are_divided_by_the_growth_of_width() -> None:
    spec = model_spec(gpt(experts=4), width=64)
    scaled = model_scalings(spec, "adamw", hyperparameters("adamw", output_multiplier=3.0))
    router = next(scaling for scaling in scaled if scaling.role is Role.MOE_ROUTER)
    assert (router.init_std, router.multiplier) == (1 / 4, 1 / 4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fixed_kv_heads": 1, "query_heads_per_kv_head": 2}, "leave one of them out"),
        ({"experts_per_token": 2}, "experts_per_token 2 is more than experts 1"),
        ({"positions": "rope", "head_size": 9}, "head_size 9 is odd"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    options: dict[str, object], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        gpt(**options)


@pytest.mark.parametrize(
    ("family", "words"),
    [
        (gpt(fixed_kv_heads=3), r"multiple of 24 \(head_size \* fixed_kv_heads\)"),
        (gpt(query_heads_per_kv_head=4), r"of 32 \(head_size \* query_heads_per_kv_head\)"),
    ],
)
def test_a_width_whose_heads_do_not_divide_into_groups_is_refused(family: Gpt, words: str) -> None:
    with pytest.raises(ValueError, match=f"width 40 is not a .*{words}"):
        build_model(model_spec(family, width=40))
