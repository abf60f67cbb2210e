"""Proposals for outputs side by side, complex filters, stacked blocks and biases of experts."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.classify import Declaration, UnclassifiedTensors
from parametrization.shapes.roles import Role

Build = Callable[[int], nn.Module]


def proposed(build: Build, width: int = 32) -> dict[str, Role | Declaration]:
    """Roles that are proposed for the model; with them it classifies."""
    base, delta = build(width), build(2 * width)
    with pytest.raises(UnclassifiedTensors) as refused:
        derive_model_shape(base, delta, width)
    proposals = refused.value.proposals
    derive_model_shape(base, delta, width, roles=proposals)
    return proposals


def layers(**sizes: tuple[int, int] | nn.Module) -> Build:
    """A model of Linear layers by name, whose sizes are multiples of the width, or below it."""

    def build(width: int) -> nn.Module:
        model = nn.Module()
        for name, size in sizes.items():
            made = size if isinstance(size, nn.Module) else nn.Linear(*_sized(size, width))
            *inside, leaf = name.split("__")
            holder = model
            for part in inside:
                if not hasattr(holder, part):
                    holder.add_module(part, nn.Module())
                holder = holder.get_submodule(part)
            holder.add_module(leaf, made)
        return model

    return build


W = -1  # the width


def _sized(sizes: tuple[int, int], width: int) -> tuple[int, int]:
    first, second = (-size * width if size < 0 else size for size in sizes)
    return first, second


OUTPUTS: dict[str, tuple[Build, set[str]]] = {
    "heads side by side": (
        layers(body=(8, W), species=(W, 7), parity=(W, 2), price=(W, 1)),
        {"species.weight", "parity.weight", "price.weight"},
    ),
    "heads of two layers": (
        layers(body=(8, W), heads__age__0=(W, W), heads__age__1=(W, 1), heads__sex__0=(W, 2)),
        {"heads.age.1.weight", "heads.sex.0.weight"},
    ),
    "an output beside tables of numbers that are added to it": (
        layers(body=(8, W), click=(W, 1), terms__age=nn.Embedding(7, 1)),
        {"click.weight"},
    ),
    "an output whose pixels a layer of fixed size smooths": (
        layers(body=(8, W), pixels=(W, 12), smooth=(12, 12)),
        {"pixels.weight"},
    ),
    "actor and critic": (
        layers(body=(8, W), policy__0=(W, W), policy__1=(W, 4), value=(W, 1)),
        {"policy.1.weight", "value.weight"},
    ),
    "two heads of an encoder, and its decoder": (
        layers(encoder=(8, W), mu=(W, 3), logvar=(W, 3), up=(3, W), pixels=(W, 8)),
        {"pixels.weight"},
    ),
    "a named head, and others after it": (
        layers(head__0=(W, W), head__1=(W, 7), squeeze=(W, 3), grow=(3, W)),
        {"head.1.weight"},
    ),
    "a bottleneck in a module with an output's name": (
        layers(body=(8, W), decoder__squeeze=(W, 4), decoder__grow=(4, W), pixels=(W, 8)),
        {"pixels.weight"},
    ),
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_layers_that_are_likely_outputs_are_proposed_as_such(kind: str) -> None:
    build, outputs = OUTPUTS[kind]
    found = proposed(build)
    assert {name for name, said in found.items() if said is Role.OUTPUT} == outputs
    assert {said for name, said in found.items() if name not in outputs} <= {Role.FIXED_BOTTLENECK}


def test_an_output_is_proposed_with_the_names_of_the_others_that_may_be_one() -> None:
    build, _ = OUTPUTS["heads side by side"]
    with pytest.raises(UnclassifiedTensors) as refused:
        derive_model_shape(build(32), build(64), 32)
    words = refused.value.unknown["parity.weight"]
    assert "an output of the model, as species.weight, price.weight may be?" in words


class Raw(nn.Module):
    """Raw tensors of one shape, with layers around them."""

    def __init__(self, width: int, name: str, made: Callable[[int], torch.Tensor]) -> None:
        super().__init__()
        self.inside = nn.Module()
        self.inside.register_parameter(name, nn.Parameter(made(width)))
        self.first, self.head = nn.Linear(8, width), nn.Linear(width, 5)


def block_diagonal(width: int) -> torch.Tensor:
    return torch.randn(width, width) / 8**0.5 * torch.eye(width // 8).kron(torch.ones(8, 8))


RAW: dict[str, tuple[str, Callable[[int], torch.Tensor], Declaration]] = {
    "blocks on the diagonal": (
        "mix",
        block_diagonal,
        Declaration(Role.HIDDEN, 1, 0, initial="keep"),
    ),
    "close to the identity": (
        "mix",
        lambda w: torch.eye(w) + 0.01 * torch.randn(w, w),
        Declaration(Role.HIDDEN, 1, 0, initial="keep"),
    ),
    "blocks in a stack": (
        "mix",
        lambda w: torch.randn(w // 8, 8, 8),
        Declaration(Role.VECTOR, 2, (0, 1)),
    ),
    "blocks in a stack, by their start": (
        "mix",
        lambda w: torch.randn(w // 8, 8, 64) / 8**0.5,
        Declaration(Role.VECTOR, 1, (0, 2)),
    ),
    "splines of one deviation at every width, torch's at one of them": (
        "splines",
        lambda w: torch.randn(w, w, 5) / 96**0.5,
        Declaration(Role.HIDDEN, (1, 2), 0),
    ),
    "codes that are looked up": (
        "codebook",
        lambda w: torch.randn(16, w),
        Declaration(Role.INPUT, None, 1, initial="keep"),
    ),
    "kernels of channels": (
        "kernel",
        lambda w: torch.randn(w, 5, 5),
        Declaration(Role.INPUT, (1, 2), 0),
    ),
    "a complex filter": (
        "filter",
        lambda w: 0.02 * torch.randn(4, 3, w, 2),
        Declaration(Role.VECTOR, None, 2, initial="keep"),
    ),
    "complex matrices of several frequencies": (
        "weights",
        lambda w: torch.rand(w, w, 5, 2) / w**2,
        Declaration(Role.HIDDEN, 1, 0, stacked_axis=(2, 3)),
    ),
    "complex matrices, by their start": (
        "B",
        lambda w: torch.randn(w, 2 * w, 2) / (2 * w) ** 0.5,
        Declaration(Role.HIDDEN, 0, 1, stacked_axis=2),
    ),
    "biases of experts": ("b1", lambda w: torch.zeros(4, w), Declaration(Role.VECTOR, None, 1)),
    "experts with torch's start": (
        "experts",
        lambda w: (2 * torch.rand(4, w, 2 * w) - 1) / w**0.5,
        Declaration(Role.HIDDEN, 1, 2, stacked_axis=0),
    ),
    "a tensor that is left zero": (
        "up",
        lambda w: torch.zeros(w, 4),
        Declaration(Role.INPUT, 1, 0, initial="keep"),
    ),
}


@pytest.mark.parametrize("kind", RAW)
def test_raw_tensors_are_proposed_by_their_shapes_and_starts(kind: str) -> None:
    name, made, said = RAW[kind]
    assert proposed(lambda width: Raw(width, name, made))[f"inside.{name}"] == said


class Bilinear(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(8, width), nn.Linear(8, width)
        self.U = nn.Parameter(torch.randn(5, width, width))


def test_a_bilinear_form_is_the_output_of_a_model_without_another() -> None:
    assert proposed(Bilinear) == {"U": Declaration(Role.OUTPUT, (1, 2), 0)}


class OwnWeightNorm(nn.Module):
    """g v / |v|, by hand."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.randn(fan_out, fan_in))
        self.g = nn.Parameter(torch.ones(fan_out))


def test_a_weight_norm_by_hand_is_refused_on_outputs_and_proposed_inside() -> None:
    """Normalised, an output's start cannot shrink with width, whatever the numbers are."""

    def build(width: int, classes: int = 0) -> nn.Module:
        inside = [OwnWeightNorm(8, width), OwnWeightNorm(width, width)]
        last = OwnWeightNorm(width, classes) if classes else nn.Linear(width, 5)
        return nn.Sequential(*inside, last)

    found = proposed(build)
    assert found["0.v"] == Declaration(Role.INPUT, 1, 0)
    assert found["1.v"] == Declaration(Role.HIDDEN, 1, 0)
    with pytest.raises(UnclassifiedTensors, match="leave it off output layers") as refused:
        derive_model_shape(build(32, 5), build(64, 5), 32)
    assert "2.v" not in refused.value.proposals
