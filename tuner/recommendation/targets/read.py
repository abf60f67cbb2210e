"""Read a target's configuration, whosever it is: JSON, Python, or arguments."""

import json
from typing import Final

from tuner.recommendation.targets.described import DescribedTarget, IllegalConfiguration
from tuner.recommendation.targets.huggingface import read_huggingface
from tuner.recommendation.targets.megatron import read_megatron
from tuner.recommendation.targets.own_models import TENSORS, read_own_model
from tuner.recommendation.targets.python_configs import read_python

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
    opening = text.lstrip()
    if opening.startswith(("{", "[")):
        config = _json(text)
        return read_own_model(config) if TENSORS in config else read_huggingface(config)
    if any(line.lstrip().startswith("--") for line in text.splitlines()):
        return read_megatron(text)
    return read_python(text)


def _json(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        words = f"this is no JSON: {str(error)[:80]}"
        raise IllegalConfiguration("", words) from error
    if not isinstance(found, dict):
        raise IllegalConfiguration("", "a config.json is one JSON object")
    return found
