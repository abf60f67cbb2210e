"""Maps to a fixed width inside models: bottlenecks and the selection of state spaces."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.classify import Declaration
from parametrization.nn.layers import Readout
from parametrization.shapes.roles import Role
from tests.parametrization.check.test_own_models import Trunk, judged, of
from tests.parametrization.nn.small_models import CLASSES, VOCABULARY, text_batch

STATES = 8


class SelectiveScan(nn.Module):
    """A selective state space (S6) with names of its own for what it selects by."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rate, self.slow = nn.Linear(width, 4, bias=False), nn.Linear(4, width)
        self.written = nn.Linear(width, STATES, bias=False)
        self.read = nn.Linear(width, STATES, bias=False)
        self.A_log = nn.Parameter(torch.arange(1, 1 + STATES).float().log().repeat(width, 1))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        step = functional.softplus(self.slow(self.rate(x)))[..., None]
        kept = torch.exp(-step * self.A_log.exp())
        given = step * self.written(x)[..., None, :] * x[..., None]
        state, states = torch.zeros_like(given[:, 0]), []
        for at in range(x.shape[1]):
            state = kept[:, at] * state + given[:, at]
            states.append(state)
        read: Tensor = (torch.stack(states, 1) * self.read(x)[..., None, :]).sum(-1)
        mixed: Tensor = self.out(read)
        return mixed


class StateSpaceModel(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.table, self.mix = nn.Embedding(VOCABULARY, width), nn.Linear(width, width)
        self.norm = nn.RMSNorm(width)
        self.scan, self.last = SelectiveScan(width), nn.RMSNorm(width)
        self.readout = Readout(width, VOCABULARY, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.mix(self.table(tokens))
        logits: Tensor = self.readout(self.last(x + self.scan(self.norm(x))))
        return logits


SELECTION = ("scan.rate.weight", "scan.written.weight", "scan.read.weight")


def test_what_a_state_space_selects_by_is_keys_and_queries_whatever_its_name() -> None:
    shape = derive_model_shape(StateSpaceModel(32), StateSpaceModel(64), 32)
    roles = {tensor.name: tensor.role for tensor in shape.tensors}
    assert {name for name, role in roles.items() if role is Role.GQA_KV} == set(SELECTION)


@pytest.mark.slow
def test_a_scan_learns_at_every_width_and_as_a_bottleneck_vanishes() -> None:
    """Products of two maps to a fixed width, as here B and C, fall twice as fast as each."""
    right = judged(StateSpaceModel, batch=text_batch)
    narrow = dict.fromkeys(SELECTION, Role.FIXED_BOTTLENECK)
    wrong = judged(StateSpaceModel, batch=text_batch, roles=narrow)
    assert right.passed is not False, right.summary
    assert abs(of(right, "scan.A_log").update_slope or 1.0) < 0.2
    assert (of(wrong, "scan.A_log").update_slope or 0.0) < -0.75
    assert wrong.passed is False
    assert "what a state space selects by (B, C and its time step) are Role.GQA_KV" in wrong.summary


class RawBottleneck(Trunk):
    """Down and up by hand, with everything behind it, and a norm between the two or none."""

    def __init__(self, width: int, *, normed: bool = False) -> None:
        super().__init__(width)
        self.down = nn.Parameter(torch.randn(8, width) / width**0.5)
        self.up = nn.Parameter(torch.randn(width, 8) / 8**0.5)
        self.between = nn.LayerNorm(8) if normed else nn.Identity()
        self.behind, self.readout = nn.Linear(width, width), Readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        code = self.between(torch.einsum("bw,rw->br", self.features(x), self.down))
        wide = torch.einsum("br,wr->bw", functional.gelu(code), self.up)
        logits: Tensor = self.readout(functional.relu(self.behind(wide)))
        return logits


UP = Declaration(Role.INPUT, 1, 0)


@pytest.mark.slow
def test_a_bottleneck_that_vanishes_is_led_to_a_start_that_does_not() -> None:
    bottleneck = {"down": Declaration(Role.FIXED_BOTTLENECK, 1, 0), "up": UP}
    verdict = judged(RawBottleneck, roles=bottleneck)
    assert verdict.passed is False
    assert "put a norm after it and give it Role.GQA_KV" in verdict.summary
    assert (of(verdict, "behind.weight").update_slope or 0.0) < -0.5
    led = {"down": Declaration(Role.GQA_KV, 1, 0), "up": UP}
    verdict = judged(lambda width: RawBottleneck(width, normed=True), roles=led)
    assert verdict.passed is not False, verdict.summary
    assert abs(of(verdict, "behind.weight").update_slope or 1.0) < 0.2
