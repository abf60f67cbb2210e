"""Optimizers with the functions that their declarations refer to, which import torch."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from parametrization.nn.updates.update import (
    AnyOptimizer,
    CoupledOptimizer,
    CurvatureOptimizer,
    GradientOptimizer,
    no_state,
)
from parametrization.optimizers.declaration import OptimizerDeclaration
from parametrization.optimizers.registry import PLUGINS, declared


@cache
def named(name: str) -> AnyOptimizer:
    """The optimizer called `name`.

    Raises:
        ValueError: if there is none, or if a reference of its declaration leads nowhere: with the
            package and the reference.

    """
    one = declared(name)
    init = no_state if one.init is None else _function(one, one.init)
    update = _function(one, one.update)
    if one.contribution is not None:
        contribution = _function(one, one.contribution)
        return CoupledOptimizer(
            declaration=one, init=init, update=update, contribution=contribution
        )
    if one.takes_layer_signals:
        return CurvatureOptimizer(declaration=one, init=init, update=update)
    point = None if one.evaluation_point is None else _function(one, one.evaluation_point)
    return GradientOptimizer(declaration=one, init=init, update=update, evaluation_point=point)


def _function(declaration: OptimizerDeclaration, reference: str) -> Callable[..., Any]:
    name, plugin = declaration.name, PLUGINS.usable.get(declaration.name)
    package = plugin.package if plugin else "widthwise"
    module, _, attribute = reference.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:
        raise ValueError(
            f"{name} of {package}: {reference} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not callable(found):
        raise ValueError(f"{name} of {package}: {reference} is no function: {found!r}")
    function: Callable[..., Any] = found
    return function
