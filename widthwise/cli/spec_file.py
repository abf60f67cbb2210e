"""Read a study's specification: YAML or JSON, from a file or standard input."""

import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from widthwise.errors import WidthwiseError


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads 1e-4 as a number, as people and JSON do (YAML 1.1 wants 1.0e-4)."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_spec(path: Path) -> dict[str, Any]:
    """The specification in a file, in JSON's types; `-` reads standard input.

    Raises:
        WidthwiseError: if the file cannot be read, or holds no mapping of fields.

    """
    name = "standard input" if str(path) == "-" else str(path)
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        document = yaml.load(text, Loader=_Loader)
        spec = json.loads(json.dumps(document, default=str))
    except OSError as error:
        raise WidthwiseError(f"cannot read {name}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:  # a UnicodeDecodeError is a ValueError
        raise WidthwiseError(f"{name} is neither YAML nor JSON: {error}") from error
    if not isinstance(spec, dict):
        raise WidthwiseError(f"{name} does not hold a study: write fields such as `family: ...`")
    for pointer, number in _numbers(spec):
        if not math.isfinite(number):
            raise WidthwiseError(
                f"{name}: {pointer}: {number} is not finite: write a finite number"
            )
    return spec


def _numbers(value: object, pointer: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield pointer, value
    elif isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _numbers(inner, f"{pointer}/{key}")
