"""Describe a target model of the reader's own by its tensors, which are never given memory."""

import inspect
import json
from typing import Any

from widthwise.errors import WidthwiseError
from widthwise.external.shapes import load_functions
from widthwise.task import Task
from widthwise.task_source import TaskSource
from widthwise.task_words import TaskRefused


def target_document(source: str, width: int, depth: int) -> str:
    """The target's tensors as JSON, as the service takes them for a `target_config`.

    Args:
        source: `FILE.py:NAME`: a `widthwise.Task`, or any callable that gives the model: of a
            width, of width and depth, or of nothing.

    Raises:
        WidthwiseError: if there is no such file or name, or it does not give a model.

    """
    import torch
    from torch import nn

    try:
        path = TaskSource.parse(source).path
    except TaskRefused as refusal:
        raise WidthwiseError(str(refusal)) from refusal
    name = source.partition(":")[2]
    if not name:
        raise WidthwiseError(f"{source!r} names no model of the file: write FILE.py:NAME")
    (named,) = load_functions(path, [name])
    try:
        with torch.device("meta"):
            model = _built(named, width, depth)
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
        raise WidthwiseError(f"building the target by {source} failed: {words}") from error
    if not isinstance(model, nn.Module):
        raise WidthwiseError(f"{source} gave a {type(model).__name__}, no torch.nn.Module")
    return json.dumps({"width": width, "depth": depth, **_tensors(model)}, separators=(",", ":"))


def _built(named: Any, width: int, depth: int) -> Any:  # noqa: ANN401  whatever the file has
    if isinstance(named, type) and issubclass(named, Task):
        return named().model(width, depth)
    required = [
        one
        for one in inspect.signature(named).parameters.values()
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    return named(*(width, depth)[: len(required)])


def _tensors(model: Any) -> dict[str, Any]:  # noqa: ANN401  a torch.nn.Module
    from parametrization.nn.parameter_names import owned_parameters, readers

    owned = list(owned_parameters(model))
    return {
        "tied": any(place.owner is not one.owner for one in owned for place in readers(one)),
        "tensors": [
            {
                "name": one.name,
                "shape": list(one.parameter.shape),
                **({"transposed": True} if type(one.owner).__name__ == "Conv1D" else {}),
            }
            for one in owned
        ],
    }
