"""Users' tasks as specifications hold them, without a service that they were registered with."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tuner.spec.families.own_task import OwnTask
from tuner.spec.submitted import STORED
from widthwise.task_source import TaskSource

FACTS: dict[str, Any] = {
    "base_width": 16,
    "width_divisor": 1,
    "tokens_per_example": 1,
    "metric": "validation loss",
    "validates": False,
    "batches": "by_step",
    "residual_blocks": False,
    "draws": False,
}


def own_family(path: Path, attribute: str = "", *, depth: int = 1, **facts: Any) -> OwnTask:  # noqa: ANN401
    """The family of a task in a file, as it is now."""
    source = TaskSource.parse(f"{path}:{attribute}" if attribute else str(path))
    return OwnTask.model_validate(
        {
            "name": "mine",
            "depth": depth,
            "source": source.text,
            "version": source.version(),
            "facts": FACTS | facts,
        },
        context=STORED,
    )


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """What users' code changes of this process is as before afterwards."""
    folder, path, modules = Path.cwd(), sys.path.copy(), set(sys.modules)
    yield
    os.chdir(folder)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if _is_users(name):
            del sys.modules[name]


def _is_users(name: str) -> bool:
    """True for a module of no installed package: those must not be loaded a second time."""
    file = getattr(sys.modules[name], "__file__", None)
    installed = (sys.prefix, sys.base_prefix)
    return (
        file is not None
        and not name.startswith(("tuner.", "workers.", "widthwise.", "parametrization."))
        and not any(Path(file).is_relative_to(prefix) for prefix in installed)
    )
