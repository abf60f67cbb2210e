"""Fan-in and fan-out over several dimensions, stacked matrices, and what is left undeclared."""

import re

import pytest
import torch
from torch import Tensor, nn

from parametrization.nn.classify import Declaration
from parametrization.nn.initialise import initialise
from parametrization.rules.policies import Policies
from parametrization.rules.policy_numbers import EmbeddingRateRule
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.roles import Layout, ModelShape, Role, TensorShape
from tests.parametrization.builders import hyperparameters, scalings_of, shape_of

HEAD = 8


class Heads(nn.Module):
    """Attention as einsum people store it: heads are a dimension of their own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        heads = width // HEAD
        self.first = nn.Linear(24, width)
        self.query = nn.Parameter(torch.zeros(width, heads, HEAD))
        self.value = nn.Parameter(torch.zeros(heads, width, HEAD))
        self.out = nn.Parameter(torch.zeros(heads, HEAD, width))
        self.experts = nn.Parameter(torch.zeros(3, 2, width, 2 * width))

    def forward(self, x_bd: Tensor) -> list[Tensor]:
        z_bnh = torch.einsum("bd,ndh->bnh", x_bd, self.value)
        return [
            torch.einsum("bd,dnh->bnh", x_bd, self.query),
            z_bnh,
            torch.einsum("bnh,nhd->bd", z_bnh, self.out),
        ]


DECLARED = {
    "query": Declaration(Role.HIDDEN, 0, (1, 2)),
    "value": Declaration(Role.HIDDEN, 1, (0, 2)),
    "out": Declaration(Role.HIDDEN, (0, 1), 2),
    "experts": Declaration(Role.HIDDEN, -2, -1),
}


def of(roles: dict[str, Declaration], name: str) -> TensorShape:
    shape = shape_of(Heads, roles=DECLARED | roles)
    return next(t for t in shape.tensors if t.name == name)


@pytest.mark.parametrize("width", [32, 128])
def test_heads_over_several_dimensions_start_at_the_fan_in_of_all_of_them(width: int) -> None:
    model = Heads(width)
    scaled = scalings_of(Heads, width, shape=shape_of(Heads, roles=DECLARED))
    initialise(model, scaled, torch.Generator().manual_seed(0))
    stds = {s.name: s.init_std for s in scaled}
    assert stds["query"] == stds["value"] == pytest.approx(width**-0.5)
    assert stds["out"] == pytest.approx(width**-0.5)
    for result in model(torch.randn(512, width, generator=torch.Generator().manual_seed(1))):
        assert result.square().mean().sqrt().item() == pytest.approx(1, abs=0.1)


def test_rates_follow_the_growth_of_the_whole_fan_in() -> None:
    rates = {
        s.name: s.learning_rate
        for s in scalings_of(Heads, 128, shape=shape_of(Heads, roles=DECLARED))
    }
    assert {rates[name] for name in DECLARED} == {2.0**-6 / 4}


@pytest.mark.parametrize(
    ("name", "layout", "sides"),
    [
        ("query", Layout((), (1, 2), (0,)), (32, 32)),
        ("value", Layout((), (0, 2), (1,)), (32, 32)),
        ("out", Layout((), (2,), (0, 1)), (32, 32)),
        ("experts", Layout((0, 1), (3,), (2,)), (64, 32)),
        ("first.weight", Layout((), (0,), (1,)), (32, 24)),
        ("first.bias", Layout((), (0,), ()), (32, 1)),
    ],
)
def test_every_dimension_of_a_tensor_is_fan_out_fan_in_or_stacked(
    name: str, layout: Layout, sides: tuple[int, int]
) -> None:
    tensor = of({}, name)
    assert tensor.layout == layout
    assert tensor.layout.sides(tensor.base_shape) == sides
    scaled = scalings_of(Heads, 32, shape=shape_of(Heads, roles=DECLARED))
    assert next(s.layout for s in scaled if s.name == name) == layout


def test_a_kernel_counts_as_fan_in_of_the_layout_and_of_the_start() -> None:
    shape = shape_of(lambda w: nn.Sequential(nn.ConvTranspose2d(w, 2 * w, 4, stride=2)))
    assert shape.tensors[0].layout == Layout((), (1,), (0, 2, 3), kernel=(2, 3))
    assert shape.tensors[0].fan_in == 32 * 4


@pytest.mark.parametrize(
    ("name", "said", "whole"),
    [
        ("out", Declaration(Role.HIDDEN, 0, 2), Declaration(Role.HIDDEN, (0, 1), 2)),
        ("value", Declaration(Role.HIDDEN, 1, 0), Declaration(Role.HIDDEN, 1, (0, 2))),
        ("query", Declaration(Role.HIDDEN, 0, 1), Declaration(Role.HIDDEN, 0, (1, 2))),
    ],
)
def test_a_head_size_left_out_is_found_where_it_completes_the_width(
    name: str, said: Declaration, whole: Declaration
) -> None:
    assert of({name: said}, name) == of({name: whole}, name)


class Kernel(nn.Module):
    def __init__(self, width: int, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros([width if n == 0 else n for n in shape]))


@pytest.mark.parametrize(
    ("sizes", "said", "complaint"),
    [
        ((0, 0, 3), Declaration(Role.HIDDEN, 1, 0), "leaves dimension 2 (size 3): declare"),
        ((0, 0, 3), Declaration(Role.HIDDEN, 1, 0), "fan_in_axis=(1, 2) if it is summed over"),
        ((0, 0, 3), Declaration(Role.HIDDEN, 1, 0), "stacked_axis=2 if it holds one matrix per"),
        ((0, 0, 3, 3), Declaration(Role.HIDDEN, 1, 0), "leaves dimension 2 (size 3), 3 (size 3)"),
        ((0, 0), Declaration(Role.HIDDEN, 1, 1), "dimension 1 of weight is declared twice"),
        ((0, 0), Declaration(Role.HIDDEN, 1, 2), "2 dimensions, (32, 32), and no dimension 2"),
        ((0, 0), Declaration(Role.HIDDEN, -3, 0), "and no dimension -3: declare those that it"),
    ],
)
def test_a_dimension_that_may_be_of_several_parts_is_refused(
    sizes: tuple[int, ...], said: Declaration, complaint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        shape_of(lambda width: Kernel(width, *sizes), roles={"weight": said})


class FineExperts(nn.Module):
    """Four experts, each a quarter as wide as the model: or four heads, for all a shape tells."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.zeros(4, width // 4, width))


def test_experts_that_might_be_heads_are_refused_until_one_says_which() -> None:
    def down(said: Declaration) -> TensorShape:
        return shape_of(FineExperts, roles={"down": said}).tensors[0]

    with pytest.raises(ValueError, match=r"fan_in_axis=\(0, 1\) if .* stacked_axis=0 if it holds"):
        down(Declaration(Role.HIDDEN, 1, 2))
    assert down(Declaration(Role.HIDDEN, 1, 2, stacked_axis=0)).fan_in == 8
    assert down(Declaration(Role.HIDDEN, (0, 1), 2)).fan_in == 32


class RawMatrices(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(11, width))
        self.W_E = nn.Parameter(torch.zeros(11, width))
        self.first = nn.Parameter(torch.zeros(24, width))  # [in, out]
        self.hidden = nn.Parameter(torch.zeros(width, width))  # [in, out]
        self.last = nn.Parameter(torch.zeros(width, 10))  # [in, out]
        self.bag = nn.EmbeddingBag(11, width)
        self.embed = nn.Embedding(11, width)
        self.project = nn.ConvTranspose2d(20, width, 4)


def raw_matrices() -> ModelShape:
    return shape_of(
        RawMatrices,
        roles={
            "table": Declaration(Role.INPUT, 0, 1, lookup=True),
            "W_E": Declaration(Role.INPUT, 0, 1),
            "first": Declaration(Role.INPUT, 0, 1),
            "hidden": Declaration(Role.HIDDEN, 0, 1),
            "last": Declaration(Role.OUTPUT, 0, 1),
        },
    )


def test_a_lookup_table_is_an_embedding_or_said_to_be_and_no_matrix_stored_in_by_out() -> None:
    shape = raw_matrices()
    tables = {"table", "W_E", "bag.weight", "embed.weight"}
    assert {t.name for t in shape.tensors if t.is_table} == tables
    stds = {t.name: t.base_std for t in shape.tensors}
    assert stds["first"] == pytest.approx(24**-0.5)
    assert stds["hidden"] == stds["last"] == pytest.approx(32**-0.5)
    assert stds["table"] == stds["bag.weight"] == 1


def test_the_embedding_policy_is_of_lookup_tables_alone() -> None:
    scaled = scale(
        raw_matrices(),
        hyperparameters("adamw"),
        Multipliers(width=4),
        optimizer="adamw",
        policies=Policies(embedding_lr_rule=EmbeddingRateRule.SQRT),
    )
    slowed = {s.name for s in scaled if s.role is Role.INPUT and s.learning_rate < 2.0**-6}
    assert slowed == {"table", "W_E", "bag.weight", "embed.weight"}
