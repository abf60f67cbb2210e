"""Effect of a change of a tensor, or of the tensor's inputs, on the output of the module using it.

Derivatives in a direction, by forward automatic differentiation of the recorded call. The effect
is read where it leaves the module's own forward: at the first module with parameters that takes it
as an input, or at the output.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from parametrization.nn.check.calls import (
    Arguments,
    Call,
    Frames,
    Use,
    fresh,
    is_lookup,
    replaced,
    tensors_in,
)

_STEP: Final = 0.01
"""Size of a finite difference, as a share of the parameter's RMS."""


class Surroundings(NamedTuple):
    """Modules of the model around a call.

    Attributes:
        modules: modules whose calls are followed.
        ends: modules at whose inputs the caller's own operations end.

    """

    modules: Sequence[nn.Module]
    ends: frozenset[nn.Module]


def parameter_effect(
    use: Use, call: Call, parameter: Tensor, change: Tensor, around: Surroundings
) -> list[Tensor]:
    """First-order effect of `change` of the parameter on the outputs of this use in the call.

    Raises:
        ValueError: if the call cannot be repeated.

    """

    def derivative() -> list[Tensor]:
        dual = _dual(parameter.detach(), change)
        mode = _Perturbed(use, {id(parameter): dual}, around)
        with mode:
            output = use.module(*fresh(call.arguments[0]), **fresh(call.arguments[1]))
        return mode.found + _tangents(output)

    _load_derivatives()
    with torch.no_grad():
        for backend in (nullcontext, _without_fused_layers):
            try:
                with forward_ad.dual_level(), sdpa_kernel(SDPBackend.MATH), backend():
                    return [tangent.detach() for tangent in derivative()]
            except (NotImplementedError, RuntimeError):
                continue
        return _difference(use, call, parameter, change, around)


def input_effect(
    before: Call, after: Call, start: Mapping[int, Tensor], around: Surroundings
) -> list[Tensor] | None:
    """Effect of the change of the call's inputs on its outputs, through the initial parameters.

    None if it is not defined: inputs of different numbers of rows (routed tokens), or none that a
    derivative exists for.

    Args:
        start: initial values by the parameter's id.

    """
    changes = _input_changes(before.arguments, after.arguments)
    if not changes:
        return None
    _load_derivatives()
    with torch.no_grad():
        for backend in (nullcontext, _without_fused_layers):
            try:
                with forward_ad.dual_level(), sdpa_kernel(SDPBackend.MATH), backend():
                    duals = {at: _dual(value, change) for at, (value, change) in changes.items()}
                    args, kwargs = (replaced(fresh(p), duals) for p in before.arguments)
                    with _Restored(start, around):
                        return [t.detach() for t in _tangents(before.module(*args, **kwargs))]
            except (NotImplementedError, RuntimeError):
                continue
        with _Restored(start, around):
            first, second = (
                _values(call.module(*fresh(call.arguments[0]), **fresh(call.arguments[1])))
                for call in (before, after)
            )
    return [b - a for a, b in zip(first, second, strict=True)]


class _Perturbed(Frames):
    """Puts other values in a parameter's place in one use of it, and collects their effect."""

    def __init__(self, use: Use, values: Mapping[int, Tensor], around: Surroundings) -> None:
        is_leaf = next(use.module.children(), None) is None and use.module in around.ends
        super().__init__([use.module] if is_leaf else {*around.modules, use.module})
        self.found: list[Tensor] = []
        self._use, self._values, self._ends = use, values, around.ends
        self._stack: list[nn.Module] = []

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401 - torch's own signature
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        given = kwargs or {}
        inside = len(self._stack) == 1
        if inside and is_lookup(func, args) is self._use.is_lookup:
            args, given = replaced(args, self._values), replaced(given, self._values)
        return func(*args, **given)

    def _entering(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Arguments | None:
        if not self._stack:
            self._stack.append(module)
            return None
        if module not in self._ends:
            return None
        self._stack.append(module)
        if len(self._stack) > 2:
            return None
        self.found += _tangents((args, kwargs))
        plain = {
            id(t): _unpacked(t).primal for t in tensors_in((args, kwargs)) if t.is_floating_point()
        }
        return replaced(args, plain), replaced(kwargs, plain)

    def _leaving(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:  # noqa: ANN401 - any module's
        if self._stack and self._stack[-1] is module:
            self._stack.pop()


class _Restored(Frames):
    """Puts the initial values in the place of all parameters."""

    def __init__(self, start: Mapping[int, Tensor], around: Surroundings) -> None:
        super().__init__(())
        self._start = start

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401 - torch's own signature
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        return func(*replaced(args, self._start), **replaced(kwargs or {}, self._start))


def _difference(
    use: Use, call: Call, parameter: Tensor, change: Tensor, around: Surroundings
) -> list[Tensor]:
    """Effect of `change` by a central difference of the output, if there is no derivative."""
    size, moved = _rms(parameter), _rms(change)
    if moved == 0:
        return [torch.zeros(1)]
    step = _STEP * (size or 1.0) / moved
    ends = []
    for sign in (1, -1):
        values = {id(parameter): parameter.detach() + sign * step * change}
        try:
            with _Perturbed(use, values, around):
                ends.append(
                    _values(use.module(*fresh(call.arguments[0]), **fresh(call.arguments[1])))
                )
        except Exception as error:
            raise ValueError(
                f"the forward of {type(use.module).__name__} cannot be called again with what it"
                f" was given on the probe batch, as the check has to: {error}"
            ) from error
    return [(a - b) / (2 * step) for a, b in zip(*ends, strict=True)]


@contextmanager
def _without_fused_layers() -> Iterator[None]:
    """Run without oneDNN, whose recurrent layers have no forward derivative."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="TF32 acceleration on top of oneDNN")
        with torch.backends.mkldnn.flags(enabled=False):
            yield


def _input_changes(before: Arguments, after: Arguments) -> dict[int, tuple[Tensor, Tensor]]:
    """By id of the first call's tensors: each tensor and its change; {} if shapes differ."""
    pairs = list(zip(tensors_in(before), tensors_in(after), strict=False))
    if len(list(tensors_in(before))) != len(list(tensors_in(after))):
        return {}
    if any(a.shape != b.shape for a, b in pairs):
        return {}
    return {id(a): (a, b - a) for a, b in pairs if a.is_floating_point() and a.numel()}


def _tangents(value: object) -> list[Tensor]:
    unpacked = [_unpacked(t) for t in tensors_in(value) if t.is_floating_point()]
    return [one.tangent for one in unpacked if one.tangent is not None]


def _values(value: object) -> list[Tensor]:
    return [tensor.detach() for tensor in tensors_in(value) if tensor.is_floating_point()]


def _dual(value: Tensor, tangent: Tensor) -> Tensor:
    """The value with a direction that operations carry along."""
    dual: Tensor = forward_ad.make_dual(value, tangent)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return dual


def _unpacked(value: Tensor) -> forward_ad.UnpackedDualTensor:
    unpacked: forward_ad.UnpackedDualTensor = forward_ad.unpack_dual(value)  # type: ignore[no-untyped-call]
    return unpacked


@cache
def _load_derivatives() -> None:
    """Have torch load its formulas now, without the deprecation warnings of doing so."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore", DeprecationWarning)
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))  # type: ignore[no-untyped-call]


def _rms(tensor: Tensor) -> float:
    return float(tensor.detach().double().square().mean().sqrt())


def rms(parts: Iterable[Tensor]) -> float | None:
    """RMS over all entries, in fp64: squares of small numbers would vanish in half precision.

    None if there is no entry.
    """
    entries = [part.double().flatten() for part in parts if part.numel()]
    return float(torch.cat(entries).square().mean().sqrt()) if entries else None
