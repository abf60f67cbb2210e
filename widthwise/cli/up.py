"""The commands `widthwise up` and `widthwise keys`, which run the service's own code."""

import importlib.util
import os
import sys
from typing import Final, NoReturn

import typer

from widthwise.cli.terminal import said_plainly
from widthwise.errors import WidthwiseError

ANY_OPTION: Final = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": [],
}
"""Settings of a command that passes all its options on."""


def keys(context: typer.Context) -> None:
    """Create, list, rotate and revoke keys.

    Runs on the service's own machine; `keys create --help` lists the options.
    """
    with said_plainly():
        become_service(context.args, "service.access.keys")


def become_service(options: list[str], module: str = "service.up") -> NoReturn:
    """Replace this process by the service: signals and the exit status are then its own.

    Raises:
        WidthwiseError: if this environment holds the client alone.

    """
    require_service()
    arguments = [sys.executable, "-m", module, *options]
    sys.stdout.flush()
    os.execv(sys.executable, arguments)


def require_service() -> None:
    """Require that the service can be started here.

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
