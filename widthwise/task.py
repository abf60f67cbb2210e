"""The class that a user's own task derives from, with its model, loss and batches.

Imports no torch: a file's class is read, and its mistakes are named, wherever Python runs.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, TypeAlias

from parametrization.shapes.roles import Role

WIDEST: Final = 2**20
DEEPEST: Final = 1024

Roles: TypeAlias = Mapping[str, Any]
"""By parameter name or pattern: a `Role`, its name, or a `Declaration` with the axes too."""


class Task:
    """A training task to tune: a model of any width, its loss, and its batches.

    Derive a class from it; `model`, `loss` and one of `batch` and `loader` are required. One
    object serves many trials, so that methods keep nothing on it that a later call would read.
    Methods may draw from the global random numbers of torch, numpy and Python: before every call
    they are seeded with what the call is about.

    Attributes:
        name: what studies call it; default: made from the file's name.
        base_width: width at which all multipliers are 1, and at which proxies are tuned.
        width_divisor: every width is a multiple of it (the size of an attention head).
        tokens_per_example: tokens of one sequence; 1 where an example is no sequence.
        depth: of the proxies, as `model` counts it.
        metric: what `validate` returns, in a word or two.
        roles: of tensors that layers and shapes do not tell, by name or pattern.
        blocks: patterns of tensors in residual blocks, of which depth adds more.

    """

    name: ClassVar[str] = ""
    base_width: ClassVar[int] = 128
    width_divisor: ClassVar[int] = 1
    tokens_per_example: ClassVar[int] = 1
    depth: ClassVar[int] = 2
    metric: ClassVar[str] = "validation loss"
    roles: ClassVar[Roles] = {}
    blocks: ClassVar[Iterable[str]] = ()

    def model(self, width: int, depth: int) -> Any:  # noqa: ANN401  a torch.nn.Module
        """A new `torch.nn.Module` of this width and depth, on the CPU."""
        raise NotImplementedError

    def loss(self, model: Any, batch: Any) -> Any:  # noqa: ANN401  torch's
        """Scalar tensor whose gradient is followed: the mean over the batch's predictions."""
        raise NotImplementedError

    def batch(self, seed: int, step: int, size: int) -> Any:  # noqa: ANN401  whatever loss reads
        """`size` examples of update number `step` (0-based): equal for equal arguments.

        A tensor, or a tuple, list or dict of tensors. The same at every width.
        """
        raise NotImplementedError

    def loader(self, seed: int) -> Iterable[Any]:
        """Batches in the order of the updates, begun again where they end; instead of `batch`.

        Its trials are neither pruned nor trained together, and resumed by reading it again.
        """
        raise NotImplementedError

    def validate(self, model: Any) -> float:  # noqa: ANN401  torch's
        """A positive number of which less is better, of the model in evaluation mode; optional.

        Trials are compared by it; without it, by the mean train loss of their second half.
        """
        raise NotImplementedError


def has(task: type[Task], method: str) -> bool:
    """True if the task defines an optional method: `batch`, `loader` or `validate`."""
    return getattr(task, method) is not getattr(Task, method)


def task_roles(task: type[Task]) -> dict[str, Any]:
    """The declared roles, those given by name as members of `Role`."""
    return {
        pattern: Role(said) if isinstance(said, str) else said
        for pattern, said in task.roles.items()
    }


def task_problems(task: object) -> tuple[str, ...]:
    """All problems of the class itself, each with its remedy; () if there are none.

    No method is called: describing the task finds whether its model can be scaled and its
    batches are reproducible.
    """
    if not isinstance(task, type) or not issubclass(task, Task):
        name = getattr(task, "__qualname__", type(task).__name__)
        return (f"{name} is no class derived from widthwise.Task: write `class {name}(Task):`",)
    return tuple([*_number_problems(task), *_word_problems(task), *_method_problems(task)])


_NUMBERS: Final = {
    "base_width": WIDEST,
    "width_divisor": WIDEST,
    "tokens_per_example": WIDEST,
    "depth": DEEPEST,
}
_METHODS: Final = {
    "model": ("width", "depth"),
    "loss": ("model", "batch"),
    "batch": ("seed", "step", "size"),
    "loader": ("seed",),
    "validate": ("model",),
}


def _number_problems(task: type[Task]) -> Iterator[str]:
    wrong = set()
    for name, most in _NUMBERS.items():
        value = getattr(task, name)
        if type(value) is not int or not 1 <= value <= most:
            wrong.add(name)
            yield f"{name} is {value!r:.60}: give a whole number from 1 to {most}"
    if not wrong & {"base_width", "width_divisor"} and task.base_width % task.width_divisor:
        nearest = max(1, round(task.base_width / task.width_divisor)) * task.width_divisor
        yield (
            f"base_width {task.base_width} is not a multiple of width_divisor"
            f" {task.width_divisor}: the nearest that is is {nearest}"
        )


def _word_problems(task: type[Task]) -> Iterator[str]:
    for name in ("name", "metric"):
        if not isinstance(getattr(task, name), str):
            yield f"{name} is {getattr(task, name)!r:.60}: give a text"
    if not isinstance(task.roles, Mapping):
        yield f"roles is a {type(task.roles).__name__}: give a dict of roles by parameter name"
    else:
        for pattern, said in task.roles.items():
            yield from _role_problems(pattern, said)
    if isinstance(task.blocks, str) or not isinstance(task.blocks, Iterable):
        yield f"blocks is {task.blocks!r:.60}: give a list of patterns, such as ['layers.*']"
    elif odd := [one for one in task.blocks if not isinstance(one, str)]:
        yield f"blocks holds {odd[0]!r:.60}: give patterns of parameter names"


def _role_problems(pattern: object, said: object) -> Iterator[str]:
    if not isinstance(pattern, str):
        yield f"roles names {pattern!r:.60}: give parameter names or patterns"
    role = said[0] if isinstance(said, tuple) and said else said
    try:
        Role(role)  # type: ignore[arg-type]  # whatever was given
    except ValueError:
        known = ", ".join(Role)
        yield f"roles[{pattern!r}] is {said!r:.60}: use one of {known}, or a Declaration"


def _method_problems(task: type[Task]) -> Iterator[str]:
    for name, given in _METHODS.items():
        if has(task, name):
            yield from _signature_problems(name, inspect.getattr_static(task, name), given)
        elif name in ("model", "loss"):
            yield f"there is no method {name}: write `def {name}(self, {', '.join(given)}):`"
    if has(task, "batch") and has(task, "loader"):
        yield "it has both batch and loader: remove one of them"
    if not has(task, "batch") and not has(task, "loader"):
        yield "there is no method batch: write `def batch(self, seed, step, size):`"
    try:
        inspect.signature(task).bind()
    except TypeError as error:
        yield f"{task.__name__}() needs no arguments, but its __init__ does: {error}"


def _signature_problems(name: str, method: object, given: tuple[str, ...]) -> Iterator[str]:
    wanted = f"write `def {name}(self, {', '.join(given)}):`"
    if isinstance(method, (staticmethod, classmethod)) or not callable(method):
        yield f"{name} is a {type(method).__name__}, not a method: {wanted}"
        return
    function: Callable[..., Any] = method
    if inspect.iscoroutinefunction(function):
        yield f"{name} is a coroutine: {wanted}, without async"
        return
    try:
        inspect.signature(function).bind(object(), *given)
    except TypeError as error:
        found = inspect.signature(function)
        yield f"{name}{found} cannot be called with {', '.join(given)} ({error}): {wanted}"
