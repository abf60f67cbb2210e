"""Keys of the service of this machine: `widthwise keys create`, `list`, `rotate`, `revoke`."""

import os
import sys
from typing import NoReturn

import typer

from widthwise.cli.terminal import said_plainly
from widthwise.cli.up import require_service

ANY_OPTION = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def keys(context: typer.Context) -> None:
    """Make, list, rotate and revoke keys, on the service's own machine (`keys create --help`)."""
    with said_plainly():
        _become(context.args)


def _become(options: list[str]) -> NoReturn:
    require_service()
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "service.keys", *options])
