"""A user's task in this process: loaded once, of the version asked for, its errors in words.

Its methods raise `TaskFailed`, with the line of the task's own file, for whatever the user's code
raises, `sys.exit` included; running out of memory passes as it is.
"""

import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from torch import nn

from parametrization.nn.check.contract import refuse_devices
from parametrization.nn.check.seeding import seed_globals
from parametrization.nn.check.settings import kept_settings
from parametrization.nn.start.fixed_starts import Built, fixed_starts
from tuner.spec.changed import Changed
from tuner.spec.families.own_task import OwnTask
from tuner.spec.families.registered_tasks import REGISTERED, TaskFacts
from widthwise.task import Task, has, task_problems, task_roles
from widthwise.task_loading import load_task
from widthwise.task_source import TaskSource
from widthwise.task_words import TaskRefused, called_words
from workers.device.heartbeat import end_copies
from workers.device.out_of_memory import is_out_of_memory
from workers.references import imported

Returned = TypeVar("Returned")
_MODEL: Final = 1
"""Key that building a model is seeded with; a step's has two numbers or three."""
_OTHER_MODEL: Final = 2


class TaskFailed(Exception):
    """The user's code raised, or returned what cannot be trained; the text says where."""


class OpenTask:
    """One object of the user's class, and where it comes from."""

    def __init__(self, task: type[Task], name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.type = task
        self._task = self.call("__init__", task)

    def model(self, width: int, depth: int, *, seed: int = _MODEL) -> nn.Module:
        """A model, built with the same random numbers every time."""
        seed_globals(seed)
        with torch.device("cpu"):  # real numbers, whatever device the caller has set
            model = self.call("model", self._task.model, width, depth)
        if not isinstance(model, nn.Module):
            raise self.failed(f"model returned {_kind(model)}, not a torch.nn.Module")
        try:
            refuse_devices("model", (*model.parameters(), *model.buffers()))
        except ValueError as error:
            raise self.failed(str(error)) from error
        if not any(tensor.requires_grad for tensor in model.parameters()):
            raise self.failed("model returned a module without parameters that train")
        return model

    def fixed_starts(self, depth: int) -> tuple[str, ...]:
        """Names of matrices whose starts the model computes or reads instead of drawing them."""
        one, other = (
            Built(self.model(self.type.base_width, depth, seed=seed), torch.get_rng_state())
            for seed in (_MODEL, _OTHER_MODEL)
        )
        return fixed_starts(one, other)

    def loss(self, model: nn.Module, content: object) -> Any:  # noqa: ANN401  judged by the caller
        """The value of the user's loss."""
        return self.call("loss", self._task.loss, model, content)

    def batch(self, seed: int, step: int, size: int) -> Any:  # noqa: ANN401
        """The user's batch, drawn with the random numbers of its seed and step."""
        seed_globals(seed, step)
        return self.call("batch", self._task.batch, seed, step, size)

    def loader(self, seed: int) -> Iterable[Any]:
        """The user's loader."""
        seed_globals(seed)
        loader: Iterable[Any] = self.call("loader", self._task.loader, seed)
        return loader

    def validate(self, model: nn.Module) -> float:
        """The value that trials are compared by; not a number, if the model diverged."""
        seed_globals(0)
        value = self.call("validate", self._task.validate, model)
        try:
            number = float(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise self.failed(f"validate returned {_kind(value)}, not a number") from error
        if number <= 0:
            raise self.failed(
                f"validate returned {number:g}: trials are compared by a positive number of which"
                " less is better (of an accuracy, return 1 - accuracy)"
            )
        return number

    @property
    def roles(self) -> dict[str, Any]:
        """Declared by the class."""
        return task_roles(self.type)

    @property
    def blocks(self) -> tuple[str, ...]:
        """Patterns of tensors in residual blocks."""
        return tuple(self.type.blocks)

    @property
    def validates(self) -> bool:
        """True if trials are compared by the value of `validate`."""
        return has(self.type, "validate")

    @property
    def by_step(self) -> bool:
        """True if any step's batch can be asked for."""
        return has(self.type, "batch")

    def call(self, what: str, method: Callable[..., Returned], *arguments: object) -> Returned:
        """Call the user's code from the task's own folder, with torch's settings as they were.

        Raises:
            TaskFailed: for whatever it raises.

        """
        os.chdir(self.folder)
        try:
            with kept_settings():
                return method(*arguments)
        except BaseException as error:  # cancellations and exits are no Exception
            if isinstance(error, TaskFailed) or is_out_of_memory(error):
                raise
            words = called_words(what, error, self.folder, *arguments)
            raise self.failed(words) from error
        finally:
            end_copies()  # those that it forked, before they do anything of ours

    def failed(self, words: str) -> TaskFailed:
        """An error about this task."""
        return TaskFailed(f"{self.name}: {words}")


@cache
def opened(family: OwnTask) -> OpenTask:
    """The task that a specification names, in its version; loaded once per process.

    Raises:
        Changed: if its file or package is of another version.
        TaskFailed: if it cannot be loaded, or is not what its registration says.

    """
    try:
        if family.folder is not None:
            return _agreeing(family, _of_file(family))
        return _agreeing(family, _of_package(family))
    except TaskRefused as error:
        raise TaskFailed(f"{family.name}: {'; '.join(error.problems)}") from error


def open_source(source: TaskSource) -> OpenTask:
    """A task that nothing is known of yet.

    Raises:
        TaskRefused: if there is none, or it is not whole.

    """
    task = load_task(source)
    return OpenTask(task, task.name or source.usual_name, source.folder)


def _of_file(family: OwnTask) -> OpenTask:
    source = TaskSource.parse(family.source)
    found = source.version()
    if found != family.version:
        raise Changed(
            f"{source.path}, or a file that it imports, has changed (version"
            f" {family.version[:12]} then, {found[:12]} now): put it back, or submit a new study"
        )
    return OpenTask(load_task(source), family.name, source.folder)


def _of_package(family: OwnTask) -> OpenTask:
    installed = REGISTERED.find(family.name)
    if installed is None or installed.version != family.version:
        here = installed.version if installed else "nothing of it"
        raise Changed(
            f"{family.name} is of {family.version}, and {here} is installed: install"
            f" {family.version}"
        )
    try:
        task: Any = imported(family.source)
    except ValueError as error:
        raise TaskRefused(str(error)) from error
    if problems := task_problems(task):
        raise TaskRefused(*problems)
    module = __import__(task.__module__, fromlist=["_"])
    return OpenTask(task, family.name, Path(module.__file__ or "/").resolve().parent)


def _agreeing(family: OwnTask, task: OpenTask) -> OpenTask:
    """The task, if its class says what is known of it."""
    found = facts_of(task, residual_blocks=family.facts.residual_blocks, draws=family.facts.draws)
    for field in TaskFacts.model_fields:
        said, is_so = getattr(family.facts, field), getattr(found, field)
        if said != is_so:
            raise TaskRefused(
                f"its declaration says {field} {said!r}, and its class {is_so!r}: make them agree"
            )
    return task


def facts_of(task: OpenTask, *, residual_blocks: bool, draws: bool) -> TaskFacts:
    """The facts that the class declares and those that only its model has."""
    return TaskFacts(
        base_width=task.type.base_width,
        width_divisor=task.type.width_divisor,
        tokens_per_example=task.type.tokens_per_example,
        metric=task.type.metric,
        validates=task.validates,
        batches="by_step" if task.by_step else "loader",
        residual_blocks=residual_blocks,
        draws=draws,
    )


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
