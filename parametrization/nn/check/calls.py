"""Record the calls in which a model's parameters are used, with their arguments.

A parameter is used by the module whose forward is running when an operation takes it: a layer its
own weight, attention the weights of a projection that it never calls, the model the table that it
reads as logits. What a module was given includes keywords; it is kept as it was before the call.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
_PLAIN: Final = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device)
_LOOKUPS: Final = (
    functional.embedding,
    functional.embedding_bag,
    torch.embedding,
    torch.index_select,
    Tensor.index_select,
)


class Call(NamedTuple):
    """One call of a module, as it can be repeated."""

    module: nn.Module
    arguments: Arguments


class Use(NamedTuple):
    """One use of a parameter."""

    module: nn.Module
    """The module in whose forward it is used."""
    is_lookup: bool
    """True if its rows are looked up there, instead of multiplied."""


@dataclass(slots=True)
class Recorded:
    """Uses, calls and activations recorded in one forward pass.

    Attributes:
        uses: of every parameter, by its id; none where the pass did not use it.
        calls: of every module that uses a parameter, in order.
        passive: modules that were never given an activation (a parametrization of a weight): their
            operations count as their caller's.
        outputs: of the watched modules, by call.
        inputs: first input of the watched modules, by call.
        reaches: of attention logits, by the module that computes them.
        logits: that the loss read.

    """

    uses: dict[int, list[Use]] = field(default_factory=dict)
    calls: dict[nn.Module, list[Call]] = field(default_factory=dict)
    passive: set[nn.Module] = field(default_factory=set)
    outputs: dict[nn.Module, list[Tensor]] = field(default_factory=dict)
    inputs: dict[nn.Module, list[Tensor]] = field(default_factory=dict)
    reaches: dict[str, float] = field(default_factory=dict)
    logits: list[Tensor] = field(default_factory=list)


class Frames(TorchFunctionMode):
    """Follows the modules whose forward is running, at every operation."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        super().__init__()
        self._modules = list(modules)
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Self:
        for module in self._modules:
            # First to see the arguments, last to see the output: other hooks are part of the call.
            self._handles += [
                module.register_forward_pre_hook(self._entering, prepend=True, with_kwargs=True),
                module.register_forward_hook(self._leaving, always_call=True),
            ]
        super().__enter__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _entering(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Arguments | None:
        """Note that this module's forward starts; may give it other arguments."""
        raise NotImplementedError

    def _leaving(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:  # noqa: ANN401 - any module's
        """Note that this module's forward has ended."""
        raise NotImplementedError


@dataclass(slots=True)
class _Running:
    module: nn.Module
    given: Arguments
    active: bool
    recorded: bool = False


class Recorder(Frames):
    """Fills `recorded` while the model runs inside."""

    def __init__(
        self,
        modules: Iterable[nn.Module],
        parameters: Iterable[Tensor],
        watched: Iterable[nn.Module] = (),
    ) -> None:
        super().__init__(modules)
        self.recorded = Recorded()
        self._ids = {id(parameter) for parameter in parameters}
        self._watched = set(watched)
        self._stack: list[_Running] = []
        self._was_active: set[nn.Module] = set()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.recorded.passive -= self._was_active

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401 - torch's own signature
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        given = kwargs or {}
        taken = [t for t in tensors_in((args, given)) if id(t) in self._ids]
        if not taken or not self._stack:
            return func(*args, **given)
        frame = self._user()
        self._keep(frame)
        result = func(*args, **given)
        if any(True for _ in tensors_in(result)):  # not a question about its shape or type
            use = Use(frame.module, is_lookup(func, args))
            for parameter in taken:
                known = self.recorded.uses.setdefault(id(parameter), [])
                if use not in known:
                    known.append(use)
        return result

    def running(self) -> nn.Module | None:
        """The innermost module whose forward is running."""
        return self._stack[-1].module if self._stack else None

    def _user(self) -> _Running:
        """The innermost running module that was given activations."""
        return next((frame for frame in reversed(self._stack) if frame.active), self._stack[0])

    def _entering(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = list(tensors_in((args, kwargs)))
        active = any(id(tensor) not in self._ids for tensor in given)
        (self._was_active if active else self.recorded.passive).add(module)
        self._stack.append(_Running(module, (args, kwargs), active))
        if module in self._watched:
            first = next((t for t in given if t.is_floating_point()), None)
            if first is not None:
                self.recorded.inputs.setdefault(module, []).append(first.detach().clone())
        if next(module.parameters(recurse=False), None) is not None:
            self._keep(self._user())

    def _leaving(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:  # noqa: ANN401 - any module's
        if self._stack and self._stack[-1].module is module:
            self._stack.pop()
        if module in self._watched and (main := main_output(output)) is not None:
            self.recorded.outputs.setdefault(module, []).append(main.detach().clone())

    def _keep(self, frame: _Running) -> None:
        if frame.recorded:
            return
        frame.recorded = True
        kept = tuple(_kept(part, self._ids) for part in frame.given)
        call = Call(frame.module, (kept[0], kept[1]))
        self.recorded.calls.setdefault(frame.module, []).append(call)


def is_lookup(func: object, args: tuple[Any, ...]) -> bool:
    """True if the operation picks rows of a table instead of multiplying with it."""
    if func is Tensor.__getitem__:
        return any(isinstance(index, Tensor) for index in _as_tuple(args[1]))
    return func in _LOOKUPS


def tensors_in(value: object) -> Iterator[Tensor]:
    """Every tensor in containers, records and dataclasses."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors_in(part)
    elif isinstance(value, (list, tuple, set)):
        for part in value:
            yield from tensors_in(part)
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from tensors_in(getattr(value, one.name, None))


def main_output(output: object) -> Tensor | None:
    """The first floating tensor of an output that is no single number; else the first of all."""
    floating = [tensor for tensor in tensors_in(output) if tensor.is_floating_point()]
    return next((t for t in floating if t.numel() > 1), floating[0] if floating else None)


def replaced(value: Any, change: Mapping[int, Tensor]) -> Any:  # noqa: ANN401 - any module's arguments
    """The arguments with other tensors in the places of those whose ids `change` names."""
    if isinstance(value, Tensor):
        return change.get(id(value), value)
    rebuilt = _rebuilt(value, lambda part: replaced(part, change))
    return value if rebuilt is NotImplemented else rebuilt


def fresh(value: Any) -> Any:  # noqa: ANN401 - any module's arguments
    """The arguments for one more call, with a copy of all but tensors that a call may change."""
    if isinstance(value, (Tensor, nn.Module, *_PLAIN)):
        return value
    rebuilt = _rebuilt(value, fresh)
    if rebuilt is not NotImplemented:
        return rebuilt
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - whatever its __deepcopy__ raises
        return value  # what cannot be copied (a lock, a process group) is hardly state of a call


def _rebuilt(value: Any, each: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any module's arguments
    """A container or record with every part replaced; NotImplemented for anything else."""
    if isinstance(value, MutableMapping):
        made = copy.copy(value)
        for key, part in value.items():
            made[key] = each(part)
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(each(part) for part in value))
    if type(value) in (list, tuple):
        return type(value)(each(part) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        record = copy.copy(value)
        for one in fields(value):
            # Of frozen ones too.
            object.__setattr__(record, one.name, each(getattr(value, one.name, None)))
        return record
    return NotImplemented


def _kept(value: Any, parameters: set[int]) -> Any:  # noqa: ANN401 - any module's arguments
    """A copy that later operations in place cannot change; parameters stay themselves."""
    values = fresh(value)
    copies = {
        id(tensor): tensor.detach().clone()
        for tensor in tensors_in(values)
        if id(tensor) not in parameters
    }
    return replaced(values, copies)


def _as_tuple(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
