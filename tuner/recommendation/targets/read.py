"""Read a target's configuration: JSON, Python, or arguments."""

import ast
import json
import re
from typing import Final

from tuner.recommendation.targets.arguments import arguments
from tuner.recommendation.targets.described import DescribedTarget, IllegalConfiguration
from tuner.recommendation.targets.huggingface import read_huggingface
from tuner.recommendation.targets.megatron import read_megatron
from tuner.recommendation.targets.own_models import TENSORS, read_own_model
from tuner.recommendation.targets.python_configs import read_nanogpt, read_python

MOST_CHARACTERS: Final = 900_000


def read_target(text: str) -> DescribedTarget:
    """The target that a configuration describes.

    Args:
        text: of a Hugging Face config.json, the tensors of an own model as JSON, Megatron
            arguments, or a nanoGPT or torchtitan file.

    Raises:
        IllegalConfiguration: if it is none of those, or a field of it is wrong.

    """
    if len(text) > MOST_CHARACTERS:
        raise IllegalConfiguration("", f"longer than {MOST_CHARACTERS} characters")
    text = text.strip().removeprefix("\N{BYTE ORDER MARK}").lstrip()
    if _SECTION.search(text):
        words = "a TOML file names a model and none of its sizes: give its Python config instead"
        raise IllegalConfiguration("", words)
    if text.startswith(("{", "[")):
        config = _json(text)
        return read_own_model(config) if TENSORS in config else read_huggingface(config)
    if any(line.lstrip().startswith("--") for line in text.splitlines()):
        return _of_arguments(text)
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if _ARGUMENT.search(text):
            return _of_arguments(text)
        words = f"this is no JSON, no Python and no arguments: {type(error).__name__}; {_READ}"
        raise IllegalConfiguration("", words) from error
    found = read_python(tree)
    if found is None:
        raise IllegalConfiguration("", f"this names no size of a model: {_READ}")
    return found


_SECTION: Final = re.compile(r"^\[[A-Za-z_][\w.]*\][ \t]*(?:#.*)?$", re.MULTILINE)
"""Of a TOML file."""
_ARGUMENT: Final = re.compile(r"\s--[a-z]")
_READ: Final = (
    "give a Hugging Face config.json, Megatron-LM's arguments, a nanoGPT or torchtitan config, or"
    " {width, depth, tensors: [{name, shape}]}"
)


def _of_arguments(text: str) -> DescribedTarget:
    given = arguments(text)
    if any(name.startswith("n-") for name in given):
        return read_nanogpt({name.replace("-", "_"): value for name, value in given.items()})
    return read_megatron(given)


def _json(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        words = f"this is no JSON: {str(error)[:80]}"
        raise IllegalConfiguration("", words) from error
    if not isinstance(found, dict):
        raise IllegalConfiguration("", "a config.json is one JSON object")
    return found
