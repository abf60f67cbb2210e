"""What attention's logits can reach is measured alike, however the attention is written."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from parametrization.nn.check.softmax_inputs import SoftmaxInputs

TOKENS, HEADS, HEAD_SIZE = 5, 2, 8
WIDTH = HEADS * HEAD_SIZE
SCALE = HEAD_SIZE**-0.5
MASK = torch.ones(TOKENS, TOKENS).triu(1).bool()
QUERIES, KEYS = (
    torch.randn(3, HEADS, TOKENS, HEAD_SIZE, generator=torch.Generator().manual_seed(seed))
    for seed in (0, 1)
)
WEIGHT = nn.Parameter(torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(2)))
ACTIVATION = torch.randn(3, TOKENS, WIDTH, generator=torch.Generator().manual_seed(3))


def flat(heads: Tensor) -> Tensor:
    return heads.reshape(-1, TOKENS, HEAD_SIZE)


def stable(scores: Tensor) -> Tensor:
    powers = (scores - scores.amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1, keepdim=True)


ATTENTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "fused": lambda q, k: functional.scaled_dot_product_attention(q, k, k, is_causal=True),
    "masked": lambda q, k: (q @ k.mT * SCALE).masked_fill(MASK, -1e9).softmax(-1),
    "added mask": lambda q, k: functional.softmax(
        q @ k.mT / HEAD_SIZE**0.5 + torch.where(MASK, -torch.inf, 0.0), dim=-1
    ),
    "einsum": lambda q, k: (torch.einsum("bhid,bhjd->bhij", q, k) * SCALE).softmax(-1),
    "bmm of scaled queries": lambda q, k: torch.bmm(flat(q * SCALE), flat(k).mT).softmax(-1),
    "baddbmm": lambda q, k: torch.baddbmm(
        torch.zeros(1), flat(q), flat(k).mT, beta=0, alpha=SCALE
    ).softmax(-1),
    "summed by hand": lambda q, k: (
        (q[..., :, None, :] * k[..., None, :, :]).sum(-1) * SCALE
    ).softmax(-1),
    "exponential by hand": lambda q, k: stable(q @ k.mT * SCALE),
    "in double precision": lambda q, k: (q @ k.mT * SCALE).double().softmax(-1),
}


def reaches(run: Callable[[], object], *parameters: Tensor) -> list[float]:
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), SoftmaxInputs(parameters, str) as seen:
        run()
    return list(seen.reaches.values())


@pytest.mark.parametrize("form", ATTENTIONS)
def test_every_form_of_an_attention_has_one_reach(form: str) -> None:
    """Head size times the sizes of queries and keys times the factor."""
    sizes = [float(heads.square().mean().sqrt()) for heads in (QUERIES, KEYS)]
    expected = HEAD_SIZE * SCALE * sizes[0] * sizes[1]
    found = reaches(lambda: ATTENTIONS[form](QUERIES, KEYS))
    assert found == [pytest.approx(expected, rel=1e-5)]


def test_normalised_queries_and_keys_reach_their_factor() -> None:
    def cosine() -> Tensor:
        q, k = (functional.normalize(heads, dim=-1) for heads in (QUERIES, KEYS))
        return (10 * (q @ k.mT)).softmax(-1)

    assert reaches(cosine) == [pytest.approx(10.0, rel=1e-5)]


def test_capped_logits_reach_the_cap_at_most() -> None:
    capped = reaches(lambda: (3 * torch.tanh(100 * QUERIES @ KEYS.mT / 3)).softmax(-1))
    assert capped == [pytest.approx(3.0)]


def test_torchs_own_attention_is_seen_inside() -> None:
    attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    fused, weighed = (
        reaches(
            partial(attention, ACTIVATION, ACTIVATION, ACTIVATION, need_weights=need_weights),
            *attention.parameters(),
        )
        for need_weights in (False, True)
    )
    assert len(fused) == 1
    assert fused == [pytest.approx(weighed[0], rel=1e-5)]


@pytest.mark.parametrize(
    "run",
    [
        lambda: functional.linear(ACTIVATION, WEIGHT).softmax(-1),
        lambda: torch.einsum("btd,ed->bte", ACTIVATION, WEIGHT).softmax(-1),
        lambda: (ACTIVATION @ (2 * WEIGHT).clone().T).softmax(-1),
        lambda: ACTIVATION.softmax(-1),
        lambda: (ACTIVATION * ACTIVATION).mean(-1).softmax(-1),
    ],
    ids=["linear", "einsum", "changed weight", "activation", "power"],
)
def test_a_router_is_no_attention(run: Callable[[], Tensor]) -> None:
    assert reaches(run, WEIGHT) == []


def test_the_logits_that_a_loss_reads_are_kept() -> None:
    labels = torch.zeros(TOKENS, dtype=torch.long)
    with torch.no_grad(), SoftmaxInputs([], str) as seen:
        functional.cross_entropy(ACTIVATION[0], labels)
        functional.binary_cross_entropy_with_logits(ACTIVATION, torch.ones_like(ACTIVATION))
    assert [logits.shape for logits in seen.losses] == [ACTIVATION[0].shape, ACTIVATION.shape]
