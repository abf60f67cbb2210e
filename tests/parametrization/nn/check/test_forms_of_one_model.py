"""One model written in many ways has the same statistics, whatever calls and returns it uses."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from parametrization.check.slopes import TensorStatistic, activation_kind
from parametrization.nn.check.statistics import CheckedTraining, coordinate_statistics
from parametrization.nn.layers import Readout
from tests.parametrization.builders import hyperparameters, scalings_of
from tests.parametrization.nn.small_models import CLASSES, PIXELS, cross_entropy, image_batch

WIDTH = 32


class Plain(nn.Module):
    """Two layers and a readout: what all the others compute too."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.hidden = nn.Linear(PIXELS, width), self.layer(width)
        self.readout = Readout(width, CLASSES)

    def layer(self, width: int) -> nn.Module:
        return nn.Linear(width, width)

    def through(self, x: Tensor) -> Tensor:
        result: Tensor = self.hidden(x)
        return result

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.readout(functional.relu(self.through(functional.relu(self.first(x)))))
        return logits


class ByKeyword(Plain):
    def through(self, x: Tensor) -> Tensor:
        result: Tensor = self.hidden(input=x)
        return result


class PositionalOnly(nn.Linear):
    def forward(self, x: Tensor, /, *, scale: float = 1.0) -> Tensor:
        return super().forward(x) * scale


class Mixed(Plain):
    def layer(self, width: int) -> nn.Module:
        return PositionalOnly(width, width)

    def through(self, x: Tensor) -> Tensor:
        result: Tensor = self.hidden(x, scale=1.0)
        return result


class Einsum(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bi,oi->bo", x, self.weight) + self.bias


class Transposed(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T + self.bias


class Multiplied(nn.Linear):
    """Its own multipliers, before and after, that are 1 in all."""

    def forward(self, x: Tensor) -> Tensor:
        return (functional.linear(x / 4, self.weight) * 4) + self.bias


class ReturnsDict(nn.Linear):
    def forward(self, x: Tensor) -> object:  # type: ignore[override]
        return {"hidden": super().forward(x), "aux": None}


class ReturnsTuple(nn.Linear):
    def forward(self, x: Tensor) -> object:  # type: ignore[override]
        return super().forward(x), (x.shape, None)


@dataclass
class Output:
    hidden: Tensor
    cache: object = None


class ReturnsRecord(nn.Linear):
    def forward(self, x: Tensor) -> object:  # type: ignore[override]
        return Output(super().forward(x))


class GivenRecord(nn.Linear):
    def forward(self, given: Output) -> Tensor:  # type: ignore[override]
        return super().forward(given.hidden)


def own(layer: type[nn.Linear], read: Callable[[Any], Any] = lambda out: out) -> type[Plain]:
    class WithOwnLayer(Plain):
        def layer(self, width: int) -> nn.Module:
            return layer(width, width)

        def through(self, x: Tensor) -> Tensor:
            result: Tensor = read(self.hidden(x))
            return result

    return WithOwnLayer


class Checkpointed(Plain):
    def through(self, x: Tensor) -> Tensor:
        result: Tensor = checkpoint(self.hidden, x, use_reentrant=False)
        return result


class Reentrant(Plain):
    def through(self, x: Tensor) -> Tensor:
        result: Tensor = checkpoint(self.hidden, x, use_reentrant=True)
        return result


class ChangedInPlace(Plain):
    """What a layer was given is overwritten after the call."""

    def through(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().through(x)
        result: Tensor = self.hidden(x)
        x.zero_()
        return result


class GivenARecord(Plain):
    def layer(self, width: int) -> nn.Module:
        return GivenRecord(width, width)

    def through(self, x: Tensor) -> Tensor:
        result: Tensor = self.hidden(Output(x))
        return result


class HookedMultiplier(Plain):
    """Hooks are part of a call: these two cancel."""

    def layer(self, width: int) -> nn.Module:
        layer = nn.Linear(width, width, bias=True)
        layer.register_forward_pre_hook(lambda _, args: (args[0] * 8,))
        layer.register_forward_hook(
            lambda module, _, output: (output - module.bias) / 8 + module.bias
        )
        return layer


def made_by_compiler(layer: nn.Module) -> nn.Module:
    made: nn.Module = torch.compile(layer, backend="eager")  # type: ignore[assignment]
    return made


class Compiled(Plain):
    """A compiled layer, in whose trace no hook of the check has a place."""

    def layer(self, width: int) -> nn.Module:
        return made_by_compiler(nn.Linear(width, width))


FORMS: dict[str, type[Plain]] = {
    "keyword": ByKeyword,
    "positional only and keyword": Mixed,
    "einsum": own(Einsum),
    "matmul with the transpose": own(Transposed),
    "own multipliers": own(Multiplied),
    "dict": own(ReturnsDict, lambda out: out["hidden"]),
    "tuple": own(ReturnsTuple, lambda out: out[0]),
    "dataclass": own(ReturnsRecord, lambda out: out.hidden),
    "given a dataclass": GivenARecord,
    "checkpointed": Checkpointed,
    "checkpointed, reentrant": Reentrant,
    "inputs changed in place": ChangedInPlace,
    "compiled layer": Compiled,
    "multipliers in hooks": HookedMultiplier,
}


def statistics(build: type[Plain]) -> dict[str, TensorStatistic]:
    given = hyperparameters("adamw", learning_rate=2.0**-10)
    found = coordinate_statistics(
        CheckedTraining(lambda: build(WIDTH), cross_entropy, image_batch),
        scalings_of(Plain, WIDTH, given=given),
        width=WIDTH,
        seeds=[0],
    )
    return {one.tensor: one for one in found}


@cache
def plain() -> dict[str, TensorStatistic]:
    return statistics(Plain)


# The probe has no gradients, and torch's reentrant checkpoints say so.
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_statistics_of_plain_layers(form: str) -> None:
    found = statistics(FORMS[form])
    assert found.keys() == plain().keys()
    for name, one in plain().items():
        if form == "inputs changed in place" and activation_kind(name):
            continue
        for measured, expected in zip(found[name][3:], one[3:], strict=True):
            if expected is None:
                assert measured is None, name
            else:
                assert measured == pytest.approx(expected, rel=2e-3, abs=1e-12), name


def test_statistics_are_bit_equal_when_measured_again() -> None:
    assert statistics(Plain) == plain()


class Stack(nn.Module):
    """Blocks, compiled each by itself or not, under a table that the model itself reads."""

    def __init__(self, width: int, *, compiled: bool) -> None:
        super().__init__()
        self.first, self.positions = nn.Linear(PIXELS, width), nn.Embedding(3, width)
        blocks = [
            nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
            for _ in range(2)
        ]
        self.blocks = nn.ModuleList(
            made_by_compiler(block) if compiled else block for block in blocks
        )
        self.readout = Readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        h = functional.relu(self.first(x)) + self.positions.weight[0]
        for block in self.blocks:
            h = h + block(h)
        logits: Tensor = self.readout(h)
        return logits


def test_compiled_blocks_have_the_statistics_of_plain_ones() -> None:
    plain, compiled = (
        coordinate_statistics(
            CheckedTraining(partial(Stack, WIDTH, compiled=one), cross_entropy, image_batch),
            scalings_of(partial(Stack, compiled=False), WIDTH, given=hyperparameters("adamw")),
            width=WIDTH,
            seeds=[0],
        )
        for one in (False, True)
    )
    assert compiled == plain
