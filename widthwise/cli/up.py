"""Starting the service of this environment."""

import importlib.util
import os
import sys
from typing import NoReturn

from widthwise.errors import WidthwiseError


def become_service(options: list[str]) -> NoReturn:
    """Replace this process by the service: signals and the exit status are then its own.

    Raises:
        WidthwiseError: if this environment holds the client alone.

    """
    require_service()
    arguments = [sys.executable, "-m", "service.up", *options]
    sys.stdout.flush()
    os.execv(sys.executable, arguments)


def require_service() -> None:
    """See that the service can be started here.

    Raises:
        WidthwiseError: if this environment holds the client alone.

    """
    if not _is_here():
        raise WidthwiseError(
            "this environment holds Widthwise's client, not its service.\n"
            "The service runs from its repository (`make install`, then `.venv/bin/widthwise up`)"
            " or from its image; a client elsewhere finds it with --address."
        )


def _is_here() -> bool:
    try:
        return importlib.util.find_spec("service.up") is not None
    except ModuleNotFoundError:
        return False
