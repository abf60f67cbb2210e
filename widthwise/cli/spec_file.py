"""Read a study's specification: YAML or JSON, from a file or standard input."""

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from widthwise.errors import WidthwiseError


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads 1e-4 as a number, as people and JSON do (YAML 1.1 wants 1.0e-4).

    A field that is named twice, of which YAML keeps the last, is refused, as the service does.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        names = Counter(key.value for key in keys if key.tag != "tag:yaml.org,2002:merge")
        twice = next((name for name, count in names.items() if count > 1), None)
        if twice is not None:
            line = node.start_mark.line + 1
            raise WidthwiseError(f"the mapping at line {line} names {twice!r} twice: keep one")
        return super().construct_mapping(node, deep=deep)


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
        spec = json.loads(json.dumps(_document(text, name), default=str))
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


def _document(text: str, name: str) -> object:
    try:
        return yaml.load(text, Loader=_Loader)
    except WidthwiseError as error:
        raise WidthwiseError(f"{name}: {error}") from error
    except RecursionError as error:
        raise WidthwiseError(f"{name} is nested too deeply: flatten it") from error


def _numbers(value: object, pointer: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield pointer, value
    elif isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _numbers(inner, f"{pointer}/{key}")
