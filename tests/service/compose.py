"""A compose file as `docker compose` reads it, and its services as processes of this machine."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def services(file: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """The services of a compose file, variables put in.

    Raises:
        KeyError: if a variable that has to be set is not.

    """
    document = yaml.safe_load((ROOT / file).read_text())
    return {name: _filled(service, variables) for name, service in document["services"].items()}


def _filled(value: Any, variables: Mapping[str, str]) -> Any:  # noqa: ANN401  YAML
    if isinstance(value, dict):
        return {key: _filled(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, variables) for one in value]
    if not isinstance(value, str):
        return value

    def text_of(found: re.Match[str]) -> str:
        name, kind, words = found.groups()
        if variables.get(name):
            return variables[name]
        if kind == "?":
            raise KeyError(f"{name}: {words}")
        return words or ""

    return _VARIABLE.sub(text_of, value)
