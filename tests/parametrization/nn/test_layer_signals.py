"""What is recorded of layers, against every example's own gradient."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from parametrization.nn.layer_signals import recorded_signals, refusal
from parametrization.nn.layers import ConvReadout, Readout
from parametrization.nn.stepping import Stepping, recording
from parametrization.nn.updates.update import LayerSignals
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role

EXAMPLES = 6
LAYERS: dict[str, tuple[Callable[[], nn.Linear | nn.Conv2d], tuple[int, ...], int]] = {
    "linear": (lambda: nn.Linear(3, 4), (3,), 1),
    "linear over positions": (lambda: nn.Linear(3, 4, bias=False), (5, 3), 5),
    "readout": (lambda: Readout(3, 4, multiplier=0.25), (3,), 1),
    "convolution": (lambda: nn.Conv2d(2, 4, (3, 2), stride=2, padding=1), (2, 7, 6), 16),
    "dilated": (lambda: nn.Conv2d(2, 4, 2, dilation=2, bias=False), (2, 5, 5), 9),
    "conv readout": (lambda: ConvReadout(2, 4, 1, multiplier=0.5), (2, 3, 3), 9),
}


@pytest.fixture(autouse=True)
def _double_precision() -> object:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def losses(layer: nn.Module, x: Tensor) -> Tensor:
    """One a prediction, each a curved function of its own outputs alone."""
    out: Tensor = layer(x).tanh().square()
    return out.flatten(1).sum(1)


def backward(loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]  # torch ships it without annotations


def inputs(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(EXAMPLES, *shape, generator=torch.Generator().manual_seed(1))


def recorded(layer: nn.Module, x: Tensor, parts: int = 1) -> LayerSignals:
    with recorded_signals([layer], predictions=len(x)) as signals:
        for part in x.chunk(parts):
            backward(losses(layer, part).sum() / len(x))
    return signals[layer]


@pytest.mark.parametrize("name", LAYERS)
def test_rows_make_up_the_gradient_of_every_examples_own_loss(name: str) -> None:
    build, shape, positions = LAYERS[name]
    layer, x = build(), inputs(shape)
    weight = layer.weight
    own = [torch.autograd.grad(losses(layer, one[None]).sum(), weight)[0].flatten(1) for one in x]
    signals = recorded(layer, x)
    assert len(signals.inputs) == EXAMPLES * positions
    rows = zip(
        signals.inputs.chunk(EXAMPLES), signals.output_gradients.chunk(EXAMPLES), strict=True
    )
    for (a, g), expected in zip(rows, own, strict=True):
        # The root makes the second moment of inputs a sum over an example's rows.
        torch.testing.assert_close(g.mT @ a / positions**0.5, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", LAYERS)
def test_microbatches_and_checkpoints_record_what_the_whole_batch_does(name: str) -> None:
    build, shape, _ = LAYERS[name]
    layer, x = build(), inputs(shape)
    whole, parts = recorded(layer, x), recorded(layer, x, parts=3)
    with recorded_signals([layer], predictions=EXAMPLES) as signals:
        out = checkpoint(lambda x: losses(layer, x).sum(), x, use_reentrant=False)
        backward(out / EXAMPLES)
    for other in (parts, signals[layer]):
        torch.testing.assert_close(other.inputs, whole.inputs)
        torch.testing.assert_close(other.output_gradients, whole.output_gradients)


def test_predictions_are_the_fewest_rows_by_default() -> None:
    over_positions, readout = nn.Linear(3, 4), nn.Linear(4, 2)
    model = nn.ModuleList([over_positions, readout])
    with recorded_signals(model) as signals:
        backward(losses(readout, over_positions(inputs((5, 3))).mean(1)).mean())
    assert len(signals[over_positions].inputs) == 5 * EXAMPLES
    with recorded_signals([readout], predictions=EXAMPLES) as expected:
        backward(losses(readout, over_positions(inputs((5, 3))).mean(1)).mean())
    torch.testing.assert_close(
        signals[readout].output_gradients, expected[readout].output_gradients
    )


def test_nothing_stays_on_the_layers_even_after_an_error() -> None:
    layer = nn.Linear(3, 4)
    with pytest.raises(RuntimeError, match="shapes"), recorded_signals([layer]):
        layer(inputs((4,)))
    assert not layer._forward_hooks


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.Embedding(3, 4), "an? Embedding is neither"),
        (nn.ConvTranspose2d(2, 4, 3), "a ConvTranspose2d is neither"),
        (nn.Conv2d(4, 4, 3, groups=2), "2 groups is several matrices"),
        (nn.Conv2d(4, 4, 3, padding="same"), "padding 'same' of mode zeros"),
        (nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"), "of mode circular"),
    ],
)
def test_layers_that_are_not_one_matrix_are_refused(layer: nn.Module, words: str) -> None:
    reason = refusal(layer)
    assert reason is not None
    with pytest.raises(ValueError, match=words):
        stepping(layer)


def stepping(layer: nn.Module) -> Stepping:
    """K-FAC on the weight, alone."""
    layer.register_parameter("bias", None)
    weight = layer.weight
    assert isinstance(weight, Tensor)
    others = {"momentum": 0.0, "beta_factors": 0.9, "damping": 0.1}
    return Stepping(
        layer,
        [
            TensorScaling(
                name="weight",
                role=Role.HIDDEN,
                shape=tuple(weight.shape),
                init_std=1.0,
                constant=None,
                multiplier=1.0,
                learning_rate=0.1,
                weight_decay=0.0,
                epsilon=None,
                reason="",
                optimizer="kfac",
                others=others,
            )
        ],
    )


def test_a_step_without_its_own_recording_says_how_to_get_one() -> None:
    layer = nn.Linear(3, 4)
    optimizer = stepping(layer)
    x = inputs((3,))
    with recording(optimizer):
        backward(losses(layer, x).mean())
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"inside `with parametrization\.nn\.stepping\.rec"):
        optimizer.step()
