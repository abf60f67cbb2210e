"""Updates that fall with width as random sums do are judged by their aligned part."""

import math
from collections.abc import Iterator

import pytest
from torch import Tensor, nn
from torch.nn import functional

from parametrization.check.planted_errors import wrong_rate
from parametrization.check.slopes import aligned_name
from parametrization.check.verdict import CheckVerdict, TensorStatistic, TensorVerdict, judge
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tests.parametrization.check.checks import check, unharmed
from tests.parametrization.nn.small_models import VOCABULARY, cross_entropy, text_batch

NARROW = (32, 64, 128)
HIDDEN = TensorShape("hidden.weight", Role.HIDDEN, (64, 64), (True, True), 1, 0)
SHAPE = ModelShape(64, (HIDDEN,))


def measured(update: float, aligned: float | None, share: float = 0.5) -> Iterator[TensorStatistic]:
    """Power laws of D and of its aligned part, which is `share` of D^2 at the narrowest width."""
    for width in NARROW:
        m = width / NARROW[0]
        for seed in range(4):
            size = 1e-3 * (1 + seed)
            yield TensorStatistic(HIDDEN.name, width, seed, size * m**update, size)
            if aligned is not None:
                part = size * math.sqrt(share) * m**aligned
                yield TensorStatistic(aligned_name(HIDDEN.name), width, seed, part, None)


def of(verdict: CheckVerdict, name: str) -> TensorVerdict:
    return next(tensor for tensor in verdict.tensors if tensor.tensor == name)


@pytest.mark.parametrize(
    ("update", "aligned", "passed"),
    [
        (-0.30, 0.02, True),
        (-0.45, 0.02, True),
        (-0.45, -0.25, None),
        (-0.45, -0.50, False),
        (-0.45, None, False),
        (-1.00, 0.02, True),
        (0.30, 0.02, None),
        (0.45, 0.02, False),
        (-0.02, -0.50, True),
    ],
)
def test_the_aligned_part_decides_where_d_falls(
    update: float, aligned: float | None, passed: bool | None
) -> None:
    """Statistics from before the aligned part was measured are judged as they were."""
    verdict = judge(measured(update, aligned), SHAPE, "adamw")
    assert of(verdict, HIDDEN.name).passed is passed
    assert of(verdict, HIDDEN.name).update_slope == pytest.approx(update)
    assert [tensor.tensor for tensor in verdict.tensors] == [HIDDEN.name]


def test_the_words_name_both_slopes() -> None:
    verdict = judge(measured(-0.45, 0.02), SHAPE, "adamw")
    assert of(verdict, HIDDEN.name).words == (
        "hidden.weight: update slope -0.45 (+0.02 of its aligned part), as it should be"
    )


@pytest.mark.parametrize(("update", "passed"), [(-0.5, None), (-0.9, False), (0.5, False)])
def test_a_random_sum_alone_is_not_judged(update: float, passed: bool | None) -> None:
    """It falls like width^-0.5 under the right rule, and otherwise under a wrong one."""
    verdict = judge(measured(update, -0.8, share=0.01), SHAPE, "adamw")
    assert of(verdict, HIDDEN.name).passed is passed
    if passed is None:
        assert "wider models may tell" in of(verdict, HIDDEN.name).words


class Blocks(nn.Module):
    """Two residual blocks of a linear layer and a feed-forward part, over embedded tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, width)
        self.mix = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.up = nn.ModuleList(nn.Linear(width, 4 * width) for _ in range(2))
        self.down = nn.ModuleList(nn.Linear(4 * width, width) for _ in range(2))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, VOCABULARY, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for mix, up, down in zip(self.mix, self.up, self.down, strict=True):
            x = x + mix(functional.layer_norm(x, x.shape[-1:]))
            x = x + down(functional.gelu(up(functional.layer_norm(x, x.shape[-1:]))))
        logits: Tensor = self.out(self.norm(x))
        return logits


@pytest.mark.parametrize(
    ("power", "passed"), [(0.0, True), (-0.5, False), (-1.0, False), (0.5, False)]
)
def test_narrow_models_are_judged_as_wide_ones(power: float, passed: bool) -> None:
    verdict = check(
        "adamw",
        build=Blocks,
        batch=text_batch,
        loss=cross_entropy,
        widths=NARROW,
        plant=wrong_rate(Role.HIDDEN, power) if power else unharmed,
        roles={"out.weight": Role.OUTPUT},
    )
    assert verdict.passed is passed, verdict.summary
    if passed:
        assert any("of its aligned part" in tensor.words for tensor in verdict.tensors)
