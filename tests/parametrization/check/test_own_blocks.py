"""The check on blocks of own models: torch's attention, experts, recurrent layers, raw tensors."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.classify import Declaration
from parametrization.nn.layers import Readout, Router
from parametrization.shapes.roles import Role
from tests.parametrization.check.test_own_models import NARROW, Trunk, judged, of
from tests.parametrization.nn.small_models import (
    CLASSES,
    CONTEXT,
    PIXELS,
    VOCABULARY,
    text_batch,
)


class Attention(nn.Module):
    """One pre-norm block with torch's own attention, behind a multiplier on the embedding."""

    def __init__(self, width: int, *, heads: int | None = None, embedding_power: float = 0) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, width), nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList([_Block(width, heads or width // 16)])
        self.norm, self.readout = nn.RMSNorm(width), Readout(width, VOCABULARY, bias=False)
        self.factor = width**embedding_power

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        x = x * self.factor
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.readout(self.norm(x))
        return logits


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True, bias=False)
        self.up = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        result: Tensor = x + functional.gelu(self.up(x))
        return result


IN_PROJECTION = {"*.attention.in_proj_weight": Declaration(Role.HIDDEN, 1, 0)}


@pytest.mark.slow
def test_torchs_attention_is_checked_and_its_root_of_the_head_size_named() -> None:
    right = judged(Attention, batch=text_batch, roles=IN_PROJECTION)
    assert right.passed is True, right.summary
    checked = {tensor.tensor for tensor in right.tensors}
    assert {"blocks.0.attention.in_proj_weight", "blocks.0.attention.out_proj.weight"} <= checked
    with pytest.warns(UserWarning, match="root of the head size, which grows"):
        wrong = judged(
            lambda width: Attention(width, heads=2), batch=text_batch, roles=IN_PROJECTION
        )
    assert wrong.passed is False
    assert "attention scaled by 1/sqrt(head size) while the head size grows" in wrong.summary
    assert wrong.summary.count("looks like") == 1


@pytest.mark.filterwarnings("ignore:factor .* follows width:UserWarning")
def test_a_multiplier_on_the_embedding_that_grows_is_named() -> None:
    verdict = judged(
        lambda width: Attention(width, embedding_power=0.5), batch=text_batch, roles=IN_PROJECTION
    )
    assert verdict.passed is False
    assert "blocks.0 (input): size at step 0 grows like width^0.49: looks like a multiplier" in (
        verdict.summary
    )
    assert verdict.summary.count("looks like") == 1


class Routed(nn.Module):
    """Experts that are called on the tokens routed to them; the last one never gets any."""

    def __init__(self, width: int, *, spare: int = 0) -> None:
        super().__init__()
        self.first, self.router = nn.Linear(PIXELS, width), Router(width, 2, bias=False)
        self.experts = nn.ModuleList(nn.Linear(width, width) for _ in range(2 + spare))
        self.readout = Readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        gate, chosen = self.router(x).softmax(-1).max(-1)
        mixed = x
        for number, expert in enumerate(self.experts):
            (rows,) = (chosen == number).nonzero(as_tuple=True)
            added = functional.gelu(expert(x[rows])) * gate[rows, None]
            mixed = mixed.index_add(0, rows, added)
        logits: Tensor = self.readout(mixed)
        return logits


def test_routed_experts_are_judged_on_the_tokens_that_they_get() -> None:
    verdict = judged(Routed)
    assert verdict.passed is True, verdict.summary


def test_an_expert_that_gets_no_tokens_is_named() -> None:
    verdict = judged(lambda width: Routed(width, spare=1), widths=NARROW)
    assert verdict.passed is None
    assert "experts.*.weight: experts.2.weight: no probe batch uses it" in verdict.summary


class Recurrent(nn.Module):
    def __init__(self, width: int, layer: type[nn.LSTM | nn.GRU]) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.layer = layer(width, width, batch_first=True)
        self.readout = Readout(width, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.layer(self.tokens(tokens))[0])
        return logits


class Shared(Trunk):
    """One layer called several times in a loop, with one norm for all of them."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.norm, self.readout = nn.LayerNorm(width), Readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for _ in range(3):
            x = x + functional.relu(self.hidden(self.norm(x)))
        logits: Tensor = self.readout(self.norm(x))
        return logits


@pytest.mark.slow
@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU])
def test_a_recurrent_layer_is_checked_whole(layer: type[nn.LSTM | nn.GRU]) -> None:
    matrix, vector = Declaration(Role.HIDDEN, 1, 0), Declaration(Role.VECTOR, None, 0)
    verdict = judged(
        lambda width: Recurrent(width, layer),
        batch=text_batch,
        roles={"layer.weight_*": matrix, "layer.bias_*": vector},
    )
    measured = [t for t in verdict.tensors if t.tensor.startswith("layer.")]
    assert len(measured) == 4
    assert verdict.passed is not False, verdict.summary
    assert all(tensor.update_slope is not None for tensor in measured)


def test_a_module_that_is_called_several_times_is_judged_once() -> None:
    verdict = judged(Shared)
    assert verdict.passed is True, verdict.summary


class Raw(nn.Module):
    """Parameters that belong to no layer: a class token, positions, gains, gates."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.patches, self.norm = nn.Linear(PIXELS // 4, width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(_Block(width, width // 16) for _ in range(2))
        self.gain = nn.Parameter(torch.ones(width))
        self.readout = Readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x.view(len(x), 4, -1))
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.readout(self.gain * self.norm(x)[:, 0])
        return logits


GAIN = Declaration(Role.VECTOR, None, 0, constant=1.0)


@pytest.mark.slow
def test_parameters_of_the_model_itself_are_judged_where_the_next_layer_is_given_them() -> None:
    verdict = judged(
        Raw, roles={**IN_PROJECTION, "token": Declaration(Role.INPUT, None, 2), "gain": GAIN}
    )
    assert verdict.passed is True, verdict.summary
    assert of(verdict, "token").update_slope == pytest.approx(0, abs=0.05)
