"""Functions that torch-free declarations refer to as `module:function`, imported where torch is."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any


@cache
def imported(reference: str) -> Callable[..., Any]:
    """The function that a declaration refers to.

    Raises:
        ValueError: if the reference leads to no function: naming it and why.

    >>> imported("math:floor")(2.5)
    2

    """
    module, _, name = reference.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{reference} cannot be imported: {error}") from error
    if not callable(found):
        raise ValueError(f"{reference} is no function: {found!r}")
    function: Callable[..., Any] = found
    return function
