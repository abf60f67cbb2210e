"""Test that a model and its loss repeat, and that many trials of them can train at once."""

import warnings
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from parametrization.nn.check.contract import follow, refuse_shared, words_on_sum
from parametrization.nn.check.seeding import seed_globals

ALONE: Final = "trials will train one by one"
_RELATIVE, _ABSOLUTE = 1e-4, 1e-6
"""Tolerances: sums are taken in another order where models are stacked."""


class Finding(NamedTuple):
    """Result of one test of the model.

    Attributes:
        needed: True if a model that fails it cannot be tuned; else its trials train one by one.

    """

    name: str
    passed: bool
    needed: bool
    words: str


class _Loss(nn.Module):
    """The loss as a module over the model, so that the model's tensors can be exchanged."""

    def __init__(self, model: nn.Module, loss: Callable[[nn.Module, Any], Tensor]) -> None:
        super().__init__()
        self.model = model
        self._loss = loss

    def forward(self, batch: object) -> Tensor:
        return self._loss(self.model, batch)


def fitness(
    build: Callable[[], nn.Module],
    loss: Callable[[nn.Module, Any], Tensor],
    batch: Callable[[], Any],
) -> tuple[Finding, ...]:
    """Results of the tests that batch and loss repeat, and that trials can train together.

    Args:
        build: a small model.
        batch: one batch, asked for more than once.

    Raises:
        ValueError: if two models share parameters, or the loss is no scalar that can be followed.

    """
    given, again = batch(), batch()
    repeats = Finding(
        "batch",
        _equal(given, again),
        True,
        "the same batch came twice"
        if _equal(given, again)
        else "two batches of one seed and step differ: all that is random must follow from them",
    )
    model = build()
    refuse_shared(model, build())
    seed_globals(0)
    follow(loss(model, given))
    model = build()
    deterministic = _deterministic(*(_repeated(loss, model, given) for _ in range(2)))
    summed = words_on_sum(lambda one: _repeated(loss, model, one), given)
    mean = [Finding("mean", False, True, summed)] if summed else []
    alone = _exchanged(build, loss, given), _together(build, loss, given)
    return repeats, deterministic, *mean, *alone


def _deterministic(one: Tensor, other: Tensor) -> Finding:
    """Passed if one model and one batch give the same loss twice, a finite number."""
    if not one.isfinite():
        words = (
            f"the loss is {one.item():g} for the model as it is built: look for a division by zero,"
            " a logarithm of zero, masked rows without an entry, or half precision that overflows"
        )
        return Finding("loss", False, True, words)
    if not torch.equal(one, other):
        words = (
            f"one model and one batch gave {one.item():g}, then {other.item():g}: it may keep"
            " nothing from call to call, and draw from the global generators alone"
        )
        return Finding("loss", False, True, words)
    return Finding("loss", True, True, "one model and one batch gave the same loss twice")


def _exchanged(
    build: Callable[[], nn.Module], loss: Callable[[nn.Module, Any], Tensor], given: object
) -> Finding:
    """Passed if the loss follows the tensors that the model is called with."""
    first, second = _Loss(build(), loss), _Loss(_moved(build()), loss)
    try:
        expected = _repeated(second, given)
        got = _repeated(lambda: functional_call(first, dict(second.named_parameters()), (given,)))
    except (RuntimeError, ValueError, TypeError) as error:
        return Finding("functional_call", False, False, f"{_first_line(error)}; {ALONE}")
    fits = torch.allclose(got, expected, rtol=_RELATIVE, atol=_ABSOLUTE)
    words = "the loss follows the tensors that the model is called with"
    if not fits:
        words = (
            "the loss does not follow the tensors that the model is called with: a method or a"
            f" closure holds some of them; {ALONE}"
        )
    return Finding("functional_call", fits, False, words)


def _together(
    build: Callable[[], nn.Module], loss: Callable[[nn.Module, Any], Tensor], given: object
) -> Finding:
    """Passed if models of equal shapes give the same losses in one vmapped call as alone."""
    models = [_Loss(build(), loss), _Loss(_moved(build()), loss)]
    try:
        expected = torch.stack([_repeated(model, given) for model in models])
        parameters, buffers = stack_module_state(models)

        def of_one(values: dict[str, Tensor], held: dict[str, Tensor]) -> Any:  # noqa: ANN401
            return functional_call(models[0], (values, held), (given,))

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="There is a performance drop")
            got = _repeated(lambda: vmap(of_one, randomness="same")(parameters, buffers))
    except (RuntimeError, ValueError, TypeError) as error:
        return Finding("vmap", False, False, f"{_first_line(error)}; {ALONE}")
    fits = torch.allclose(got, expected, rtol=_RELATIVE, atol=_ABSOLUTE)
    words = "models train together as they do alone"
    if not fits:
        words = f"together they lose {got.tolist()}, alone {expected.tolist()}; {ALONE}"
    return Finding("vmap", fits, False, words)


def _repeated(loss: Callable[..., Tensor], *arguments: object) -> Tensor:
    """The loss, drawn with the same random numbers every time."""
    seed_globals(0)
    with torch.no_grad():
        return loss(*arguments).detach().clone()


def _moved(model: nn.Module) -> nn.Module:
    """The model with every tensor changed a little."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.is_floating_point():
                parameter.add_(0.01)
    return model


def _equal(one: object, other: object) -> bool:
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_equal(a, b) for a, b in pairs)
    return type(one) is type(other)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
