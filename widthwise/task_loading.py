"""Import a task's file as a module of its own, beside others that have files of the same names."""

import sys
from collections.abc import Collection
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

from widthwise.task import Task, task_problems
from widthwise.task_source import OWN_PACKAGES, TaskSource
from widthwise.task_words import TaskRefused, import_words

MODULE: Final = "widthwise_task"
"""Name of a task's file as a module: never `__main__`, so that its script does not run."""


def load_task(source: TaskSource) -> type[Task]:
    """The class, from a fresh import of its file and of what it imports from its folder.

    The folder stands first in `sys.path` from here on, as when the file is run as a script, in the
    place of that of the task loaded before.

    Raises:
        TaskRefused: if importing fails or stops the process, or the class is not a whole task.

    """
    for before in _LOADED:
        _forget(before)
    _LOADED[:] = [source]
    sys.path.insert(0, str(source.folder))
    module = _imported(source)
    task = _chosen(source, module)
    if problems := task_problems(task):
        raise TaskRefused(*(f"{source.path.name}: {problem}" for problem in problems))
    assert isinstance(task, type), "it has no problems"
    return task


_LOADED: Final[list[TaskSource]] = []
"""The one whose folder stands in `sys.path`."""


def _forget(source: TaskSource) -> None:
    """Have its modules imported anew, and others of the same names found."""
    if str(source.folder) in sys.path:
        sys.path.remove(str(source.folder))
    try:
        files = source.files
    except TaskRefused:  # one of them is no Python, and has not been imported
        files = (source.path,)
    for name, module in list(sys.modules.items()):
        path = Path(getattr(module, "__file__", None) or "")
        ours = name.partition(".")[0] in OWN_PACKAGES
        if not ours and (path in files or path.parent == source.folder):
            del sys.modules[name]


def _imported(source: TaskSource) -> ModuleType:
    spec = spec_from_file_location(MODULE, source.path)
    assert spec is not None, "it is a file"
    assert spec.loader is not None, "it is a file"
    module = module_from_spec(spec)
    sys.modules[MODULE] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # cancellations and exits are no Exception
        raise TaskRefused(import_words(error, source.path)) from error
    return module


def _chosen(source: TaskSource, module: ModuleType) -> object:
    file = source.path.name
    tasks = {
        name: one
        for name, one in vars(module).items()
        if isinstance(one, type) and issubclass(one, Task) and one is not Task
    }
    own = {name: one for name, one in tasks.items() if one.__module__ == module.__name__}
    if source.attribute:
        if not hasattr(module, source.attribute):
            raise TaskRefused(f"{file} has no {source.attribute}: {_listed(own, tasks)}")
        return getattr(module, source.attribute)
    if len(own) != 1:
        raise TaskRefused(f"which class of {file}? Write {file}:Class: {_listed(own, tasks)}")
    return next(iter(own.values()))


def _listed(own: Collection[str], tasks: Collection[str]) -> str:
    if own:
        return f"it defines {', '.join(own)}"
    imported = f", and imports {', '.join(tasks)}" if tasks else ""
    return f"it defines no class derived from Task{imported}: `class Mine(widthwise.Task):` is one"
