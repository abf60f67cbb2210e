"""Tune narrow, train wide: what training scripts and notebooks import.

Names are loaded when they are first used, so that the client starts without torch.
"""

from importlib import import_module as _import_module

_HOMES = {
    "Client": "widthwise.client",
    "Declaration": "parametrization.nn.classify",
    "Multipliers": "parametrization.scaling.multipliers",
    "Recommendation": "widthwise.recommendation",
    "Role": "parametrization.shapes.roles",
    "Schedule": "parametrization.scaling.schedule",
    "Task": "widthwise.task",
    "apply": "parametrization.nn.apply",
    "check": "parametrization.nn.own_model",
    "describe": "parametrization.nn.describe",
    "fold_multipliers": "parametrization.nn.fold_multipliers",
    "load": "widthwise.loading",
    "shape": "parametrization.nn.own_model",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    """The name's object, imported from where it lives."""
    if name == "__version__":
        from importlib.metadata import version

        return version("widthwise")
    if name not in _HOMES:
        raise AttributeError(f"module 'widthwise' has no attribute {name!r}")
    found = getattr(_import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
