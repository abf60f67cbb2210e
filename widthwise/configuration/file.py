"""Read a person's own configuration file: which service, which key, options of commands."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import platformdirs

from widthwise.errors import WidthwiseError

VARIABLE: Final = "WIDTHWISE_CONFIG"
"""The variable that names another file than the usual one."""
TEXTS: Final = ("address", "api_key")
"""Keys of the file beside its tables of commands."""


class Configuration(NamedTuple):
    """The contents of a configuration file; empty if the file does not exist.

    Attributes:
        path: its place, also if it does not exist.
        is_there: whether it exists.
        address: the service's; empty where it names none.
        api_key: the key for that service; empty where it names none.
        commands: options by command, as they are written.

    """

    path: Path
    is_there: bool = False
    address: str = ""
    api_key: str = ""
    commands: Mapping[str, Any] = {}


def configuration_path() -> Path:
    """The file's path: that of WIDTHWISE_CONFIG, else this platform's usual one."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    return platformdirs.user_config_path("widthwise", appauthor=False) / "config.toml"


def read_configuration() -> Configuration:
    """The person's configuration.

    Raises:
        WidthwiseError: if the file cannot be read, is no TOML, or has an unknown key; or if
            WIDTHWISE_CONFIG names one that is not there.

    """
    path = configuration_path()
    try:
        with path.open("rb") as file:
            said = tomllib.load(file)
    except FileNotFoundError as error:
        if os.environ.get(VARIABLE):
            raise WidthwiseError(
                f"{VARIABLE} names {path}, which is not there: write it, or unset the variable"
            ) from error
        return Configuration(path)
    except OSError as error:
        raise WidthwiseError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WidthwiseError(f"the configuration {path} is no TOML: {error}") from error
    return _understood(path, said)


def _understood(path: Path, said: Mapping[str, Any]) -> Configuration:
    texts = {}
    for name in TEXTS:
        text = said.get(name, "")
        if not isinstance(text, str):
            raise WidthwiseError(f"{path}: {name} is {text!r}: write it as a text in quotes")
        texts[name] = text
    commands = {name: value for name, value in said.items() if name not in TEXTS}
    for name, value in commands.items():
        if not isinstance(value, dict):
            raise WidthwiseError(
                f"{path}: {name} is not known here: before the tables of commands stand"
                f" {' and '.join(TEXTS)} alone"
            )
    return Configuration(path, is_there=True, **texts, commands=commands)
