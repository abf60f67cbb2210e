"""Values that are no random draw are kept, or refused where keeping them may be wrong."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from parametrization.nn.apply import apply
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.classify import Declaration, UnclassifiedTensors
from parametrization.nn.own_model import shape
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import Role
from tests.parametrization.builders import hyperparameters
from tests.parametrization.nn.test_proposals import block_diagonal

BASE, TARGET = 32, 128


def waves(width: int, taps: int = 16) -> torch.Tensor:
    positions = torch.linspace(0, torch.pi, width)[:, None] * torch.arange(taps)
    return torch.cos(positions)[:, None]


def cosine_basis(width: int) -> torch.Tensor:
    """Rows of a cosine transform, in which neighbours are not alike."""
    index = torch.arange(width)
    angles = torch.pi / width * (index[:, None] + 0.5) * index
    return torch.cos(angles) * math.sqrt(2 / width)


class Filters(nn.Module):
    """Filters and a pretrained table that train on, beside a layer that is drawn."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.waves = nn.Conv1d(1, width, 16, bias=False)
        self.waves.weight.data.copy_(waves(width))
        file = torch.Generator().manual_seed(7)
        pretrained = torch.randn(11, 4 * BASE, generator=file)
        self.table = nn.Embedding(11, width, _weight=pretrained[:, :width].contiguous())
        self.mix = nn.Linear(width, width)


def test_a_formula_and_a_file_are_kept_where_nothing_is_summed_over_width() -> None:
    model = Filters(TARGET)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    apply(
        model,
        shape(Filters, BASE),
        hyperparameters("adamw"),
        Multipliers(width=TARGET / BASE),
        optimizer="adamw",
        schedule=Schedule(),
        steps=10,
        seed=0,
    )
    after = model.state_dict()
    kept = {name for name, value in before.items() if torch.equal(value, after[name])}
    assert kept == {"waves.weight", "table.weight"}


class Transform(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.transform = nn.Linear(8, width), nn.Linear(width, width, bias=False)
        self.transform.weight.data.copy_(cosine_basis(width))


def test_a_formula_that_is_summed_over_width_is_refused_until_its_start_is_said() -> None:
    complaint = "no start that is sure to fit for transform.weight of Linear"
    with pytest.raises(UnclassifiedTensors, match=complaint) as refused:
        shape(Transform, BASE)
    said = Declaration(Role.HIDDEN, 1, 0, initial="keep")
    assert refused.value.proposals == {"transform.weight": said}
    kept, drawn = (
        shape(Transform, BASE, roles={"transform.weight": said._replace(initial=initial)})
        for initial in ("keep", "draw")
    )
    assert [t.name for t in kept.tensors if t.kept] == ["transform.weight"]
    assert not any(t.kept for t in drawn.tensors)


def hashed(rows: int, columns: int) -> torch.Tensor:
    """A formula of the index, in which neighbours are not alike."""
    index = torch.arange(rows)[:, None] * 7919 + torch.arange(columns) * 104_729
    return (index % 1009) / 504.5 - 1


class Hashed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(11, width)
        self.table.weight.data.copy_(hashed(11, width))
        self.mix, self.last = nn.Linear(width, width), nn.Linear(width, width)
        self.last.weight.data.copy_(hashed(width, width))


@pytest.mark.parametrize("seed", [0, 1], ids=["one seed", "two seeds"])
def test_a_formula_is_seen_in_two_models_of_two_widths(seed: int) -> None:
    torch.manual_seed(0)
    base = Hashed(BASE)
    torch.manual_seed(seed)
    delta = Hashed(2 * BASE)
    with pytest.raises(UnclassifiedTensors) as refused:
        shape(base, BASE, delta=delta)
    assert refused.value.names == ("last.weight",)
    said = refused.value.proposals["last.weight"]
    assert isinstance(said, Declaration)
    assert said.initial == "draw"  # as its size does not fall with width
    found = shape(base, BASE, delta=delta, roles=refused.value.proposals).tensors
    assert [tensor.name for tensor in found if tensor.kept] == ["table.weight"]


def test_a_model_that_draws_with_a_seed_of_its_own_is_drawn() -> None:
    """Its tensors are the same each time it is built, and no formula."""

    def build(width: int) -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(8, width), nn.Linear(width, width))

    assert not any(tensor.kept for tensor in shape(build, BASE).tensors)


LAYERS: dict[str, tuple[Callable[[int], torch.Tensor], str]] = {
    "an identity": (torch.eye, ""),
    "one that grows": (lambda width: torch.eye(width) * width**0.5, "draw"),
    "blocks, whose size is known roughly": (block_diagonal, "keep"),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_a_structure_is_kept_in_a_layer_if_its_size_is_seen_to_follow_width(kind: str) -> None:
    start, initial = LAYERS[kind]

    def build(width: int) -> nn.Module:
        model = nn.Sequential(nn.Linear(8, width), nn.Linear(width, width))
        model.get_parameter("1.weight").data.copy_(start(width))
        return model

    base, delta = build(BASE), build(2 * BASE)
    if initial:
        with pytest.raises(UnclassifiedTensors, match="no start that is sure to fit") as caught:
            derive_model_shape(base, delta, BASE)
        (said,) = caught.value.proposals.values()
        assert isinstance(said, Declaration)
        assert said.initial == initial
    else:
        found = derive_model_shape(base, delta, BASE).tensors
        assert [t.name for t in found if t.kept] == ["1.weight"]


class Mixing(nn.Module):
    def __init__(self, width: int, start: Callable[[int], torch.Tensor]) -> None:
        super().__init__()
        self.first = nn.Linear(8, width)
        self.mix = nn.Parameter(start(width))


@pytest.mark.parametrize(
    "start",
    [
        torch.eye,
        block_diagonal,
        lambda width: torch.eye(width) + 0.01 * torch.randn(width, width),
        lambda width: torch.linspace(0, width**-0.5, width * width).view(width, width),
    ],
    ids=["identity", "blocks", "close to the identity", "ramp"],
)
def test_a_declared_raw_tensor_with_a_structure_is_never_replaced_unsaid(
    start: Callable[[int], torch.Tensor],
) -> None:
    base, delta = Mixing(BASE, start), Mixing(2 * BASE, start)
    with pytest.raises(UnclassifiedTensors, match="no start that is sure to fit for mix") as caught:
        derive_model_shape(base, delta, BASE, roles={"mix": Declaration(Role.HIDDEN, 1, 0)})
    said = Declaration(Role.HIDDEN, 1, 0, initial="keep")
    assert caught.value.proposals == {"mix": said}
    assert derive_model_shape(base, delta, BASE, roles={"mix": said}).tensors[0].kept


@pytest.mark.parametrize(
    "start",
    [
        torch.randn,
        lambda *size: nn.init.orthogonal_(torch.empty(*size)),
        lambda *size: nn.init.trunc_normal_(torch.empty(*size), std=0.02),
        lambda *size: torch.rand(*size),
        lambda *size: (
            torch.arange(math.prod(size), dtype=torch.int32).view(torch.float32).view(size)
        ),
        lambda *size: torch.randn(*size) * torch.linspace(0.1, 1, size[0])[:, None],
    ],
    ids=["normal", "orthogonal", "truncated", "positive", "memory", "rows of other sizes"],
)
def test_random_draws_of_every_kind_are_no_structure(start: Callable[..., torch.Tensor]) -> None:
    roles = {"mix": Declaration(Role.HIDDEN, 1, 0)}
    base, delta = (Mixing(w, lambda width: start(width, width)) for w in (BASE, 2 * BASE))
    assert not derive_model_shape(base, delta, BASE, roles=roles).tensors[0].kept
