"""The check on models that nothing in the library knows: what they do is judged, and named."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from parametrization.check.verdict import CheckVerdict, TensorVerdict
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.check.run import check_width
from parametrization.nn.check.statistics import CheckedTraining
from parametrization.nn.classify import Declaration
from parametrization.nn.layers import Readout, TiedReadout
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role
from tests.parametrization.builders import hyperparameters
from tests.parametrization.check.checks import Loss, check
from tests.parametrization.nn.small_models import (
    CLASSES,
    PIXELS,
    VOCABULARY,
    cross_entropy,
    image_batch,
    text_batch,
)

WIDTHS, NARROW = (64, 128, 256), (32, 64, 128)


def judged(
    build: Callable[[int], nn.Module],
    *,
    batch: Callable[[int, int], tuple[Tensor, Tensor]] = image_batch,
    loss: Loss = cross_entropy,
    widths: Iterable[int] = WIDTHS,
    roles: Mapping[str, Role | Declaration] | None = None,
) -> CheckVerdict:
    return check("adamw", build=build, batch=batch, loss=loss, widths=tuple(widths), roles=roles)


def of(verdict: CheckVerdict, name: str) -> TensorVerdict:
    return next(tensor for tensor in verdict.tensors if tensor.tensor == name)


class Trunk(nn.Module):
    """Two layers of an MLP, for what follows them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.hidden = nn.Linear(PIXELS, width), nn.Linear(width, width)

    def features(self, x: Tensor) -> Tensor:
        return functional.relu(self.hidden(functional.relu(self.first(x))))


class Classifier(Trunk):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.readout = Readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.features(x))
        return logits


class Detached(Classifier):
    def features(self, x: Tensor) -> Tensor:
        return super().features(x).detach()


class WithoutGradient(Classifier):
    """A hidden layer whose gradients are zero."""

    def features(self, x: Tensor) -> Tensor:
        x = functional.relu(self.first(x))
        return torch.add(x, self.hidden(x), alpha=0)


class Frozen(Classifier):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.first.requires_grad_(requires_grad=False)


def test_a_detached_trunk_leaves_the_check_inconclusive_by_name() -> None:
    verdict = judged(Detached, widths=NARROW)
    assert verdict.passed is None
    for name in ("first.weight", "first.bias", "hidden.weight", "hidden.bias"):
        assert f"{name}: never moved, at any width" in verdict.summary


def test_a_tensor_without_a_gradient_is_named_alone() -> None:
    verdict = judged(WithoutGradient, widths=NARROW)
    assert verdict.passed is None
    unsure = {tensor.tensor for tensor in verdict.tensors if tensor.passed is None}
    assert unsure == {"hidden.weight", "hidden.bias"}


def test_frozen_tensors_are_listed_and_fail_nothing() -> None:
    verdict = judged(Frozen, widths=NARROW)
    assert verdict.passed is True, verdict.summary
    assert "frozen, not checked: first.weight, first.bias" in verdict.summary
    torch.rand(7)  # whatever was drawn before
    assert judged(Frozen, widths=NARROW) == verdict


class Tied(nn.Module):
    """Logits by the embedding's table, written in one of the usual ways."""

    def __init__(self, width: int, form: str) -> None:
        super().__init__()
        self.tokens, self.hidden = nn.Embedding(VOCABULARY, width), nn.Linear(width, width)
        self.norm, self.form, self.width = nn.RMSNorm(width), form, width
        self.readout = TiedReadout(self.tokens) if form == "layer" else None

    def forward(self, tokens: Tensor) -> Tensor:
        x, table = self.tokens(tokens), self.tokens.weight
        x = self.norm(x + functional.relu(self.hidden(x)))
        match self.form:
            case "linear":
                return functional.linear(x, table)
            case "transpose":
                return torch.matmul(x, table.T)
            case "einsum":
                return torch.einsum("btd,vd->btv", x, table)
            case "own multiplier":
                return functional.linear(x, table) * (WIDTHS[0] / self.width)
            case _:
                assert self.readout is not None
                logits: Tensor = self.readout(x)
                return logits


@pytest.mark.parametrize("form", ["linear", "transpose", "einsum"])
def test_a_table_that_forward_reads_as_logits_needs_a_multiplier(form: str) -> None:
    verdict = judged(lambda width: Tied(width, form), batch=text_batch)
    readout = of(verdict, "tokens.weight (as readout)")
    assert readout.passed is False
    assert "looks like a table that is read as logits and has no readout multiplier" in (
        verdict.summary
    )
    assert verdict.summary.count("looks like") == 1
    assert of(verdict, "tokens.weight").passed is True


@pytest.mark.parametrize("form", ["layer", "own multiplier"])
def test_a_tie_with_a_multiplier_passes_whoever_applies_it(form: str) -> None:
    verdict = judged(lambda width: Tied(width, form), batch=text_batch)
    assert verdict.passed is True, verdict.summary
    assert of(verdict, "tokens.weight (as readout)").passed is True


class Autoencoder(nn.Module):
    """Decodes by the weight of its own encoder, over the dimension that grows."""

    def __init__(self, width: int, factor: float) -> None:
        super().__init__()
        self.encoder, self.hidden = nn.Linear(PIXELS, width), nn.Linear(width, width)
        self.divisor = factor

    def forward(self, x: Tensor) -> Tensor:
        inside = functional.relu(self.hidden(functional.relu(self.encoder(x))))
        return functional.linear(inside, self.encoder.weight.T) * self.divisor


def reconstruction(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return functional.mse_loss(model(batch[0]), batch[0])


def test_a_weight_that_is_read_back_needs_a_multiplier_and_passes_with_it() -> None:
    def tied(power: float) -> CheckVerdict:
        return judged(
            lambda width: Autoencoder(width, (WIDTHS[0] / width) ** power), loss=reconstruction
        )

    without, with_it = tied(0.0), tied(1.0)
    words = of(without, "encoder.weight (as readout)").words
    assert "looks like a weight that is read a second time, by a sum over its wide" in words
    assert without.summary.count("looks like") == 1
    assert with_it.passed is True, with_it.summary


class Towers(nn.Module):
    """The scalar product of two towers scores every pair of a batch."""

    def __init__(self, width: int, power: float) -> None:
        super().__init__()
        self.left, self.right = Trunk(width), Trunk(width)
        self.factor = 4 * (width / WIDTHS[0]) ** power / WIDTHS[0]

    def forward(self, x: Tensor) -> Tensor:
        scores = torch.matmul(self.left.features(x), self.right.features(x.flip(-1)).T)
        return torch.mul(scores, self.factor)


def pairs(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    scores = model(batch[0])
    return functional.cross_entropy(scores, torch.arange(len(scores)))


@pytest.mark.filterwarnings("ignore:factor .* follows width:UserWarning")
@pytest.mark.parametrize("power", [0.0, -0.5])
def test_a_product_of_two_towers_is_named_unless_it_is_divided_by_width(power: float) -> None:
    verdict = judged(lambda width: Towers(width, power), loss=pairs)
    assert verdict.passed is False
    assert "looks like an output that is a product of wide activations without a factor" in (
        verdict.summary
    )


def test_a_product_that_is_divided_by_width_passes() -> None:
    verdict = judged(lambda width: Towers(width, -1.0), loss=pairs)
    assert verdict.passed is True, verdict.summary


class Squeezed(nn.Module):
    """A bottleneck of fixed width inside, whose reader starts with what it gives, which falls."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(PIXELS, width)
        self.down, self.up = nn.Linear(width, 8), nn.Linear(8, width)
        self.readout = Readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.first(x))
        x = x + self.up(functional.gelu(self.down(x)))
        logits: Tensor = self.readout(functional.relu(x))
        return logits


def test_what_reads_a_fixed_bottleneck_may_start_lazily() -> None:
    bottleneck = {"down.weight": Role.FIXED_BOTTLENECK}
    verdict = judged(Squeezed, widths=NARROW, roles=bottleneck)
    assert of(verdict, "up.weight").passed is True
    slope = of(verdict, "up.weight").update_slope
    assert slope is not None
    assert slope < -0.35
    assert verdict.passed is True, verdict.summary


class Pair(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(PIXELS, width), nn.Linear(PIXELS, width)
        self.readout = nn.Bilinear(width, width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        left, right = functional.relu(self.left(x)), functional.relu(self.right(x))
        logits: Tensor = self.readout(left, right)
        return logits


@pytest.mark.parametrize(("role", "passes"), [(Role.OUTPUT, True), (Role.HIDDEN, False)])
def test_a_bilinear_readout_is_judged_by_the_square_of_width_that_it_sums_over(
    role: Role, passes: bool
) -> None:
    verdict = judged(Pair, widths=NARROW, roles={"readout.weight": role})
    assert (verdict.passed is True) is passes, verdict.summary


def test_what_stays_undecided_takes_more_seeds_and_a_planted_error_fails_at_once() -> None:
    shape = derive_model_shape(Classifier(32), Classifier(64), 32)
    numbers = hyperparameters("adamw", learning_rate=2.0**-12)

    def seeds_taken(power: float) -> tuple[bool | None, str]:
        def scalings(width: int) -> list[TensorScaling]:
            ratio = Multipliers(width / 32)
            right = scale(shape, numbers, ratio, optimizer="adamw")
            return [
                replace(one, learning_rate=one.learning_rate * ratio.width**power)
                if one.role is Role.HIDDEN
                else one
                for one in right
            ]

        verdict = check_width(
            lambda width: CheckedTraining(lambda: Classifier(width), cross_entropy, image_batch),
            scalings,
            shape,
            optimizer="adamw",
            widths=NARROW,
            most_seeds=16,
        )
        return verdict.passed, verdict.summary

    passed, summary = seeds_taken(-0.25)
    assert (passed, "16 seeds" in summary) == (None, True), summary
    passed, summary = seeds_taken(-1.0)
    assert (passed, "4 seeds" in summary) == (False, True), summary
