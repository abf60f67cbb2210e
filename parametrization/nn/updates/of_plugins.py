"""The arithmetic of a plugin's optimizer: what its declaration refers to, imported with torch."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from parametrization.nn.updates.update import GradientOptimizer, no_state
from parametrization.optimizers.names import PLUGINS
from parametrization.optimizers.plugins import Plugin


@cache
def plugin_optimizer(name: str) -> GradientOptimizer:
    """The update function of an installed plugin's optimizer, with what it declares of itself.

    Raises:
        ValueError: if a reference leads nowhere: naming the package and the reference.

    """
    plugin = PLUGINS.usable[name]
    declared = plugin.declaration
    init = no_state if declared.init is None else _function(name, plugin, declared.init)
    return GradientOptimizer(
        name=name,
        degree=declared.step.degree,
        init=init,
        update=_function(name, plugin, declared.update),
        hyperparameters=declared.defaults,
    )


def _function(name: str, plugin: Plugin, reference: str) -> Callable[..., Any]:
    module, _, attribute = reference.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:
        raise ValueError(
            f"{name} of {plugin.package}: {reference} cannot be imported:"
            f" {type(error).__name__}: {error}"
        ) from error
    if not callable(found):
        raise ValueError(f"{name} of {plugin.package}: {reference} is no function: {found!r}")
    function: Callable[..., Any] = found
    return function
