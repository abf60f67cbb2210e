"""Compare the plugins that a study was made with to those installed here.

A study keeps package and version of every plugin's optimizer and dataset it names, and the version
of its owner's task. Another version may take other steps, or other batches, under the same name, so
that its trials could not be compared with those before.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from parametrization.optimizers import registry as optimizers
from parametrization.plugins import Plugins
from parametrization.schedules import registry as schedules
from tuner.spec.datasets import registry as datasets
from tuner.spec.families.registered_tasks import REGISTERED

INSTALLED: Final[Mapping[str, Plugins[Any]]] = {
    "optimizers": optimizers.PLUGINS,
    "dataset": datasets.PLUGINS,
    "schedule": schedules.PLUGINS,
}
"""By the field of a specification that names them, one or several; a schedule is the training's."""


def other_plugins(spec: object) -> str | None:
    """Plugins of a stored specification that are not the installed ones, in words; None if all are.

    Args:
        spec: as stored, because one whose plugin is gone can no longer be read as a record.

    """
    differing = (
        _difference(INSTALLED[field], name, made_with) for field, name, made_with in _of(spec)
    )
    return "; ".join(filter(None, (*differing, _other_task(spec)))) or None


def named_plugins(spec: object) -> Mapping[str, Any] | None:
    """The part of a stored specification that `other_plugins` looks at; None if it names none.

    >>> named_plugins({"family": {"name": "mlp"}, "optimizers": [{"name": "adamw"}]})

    """
    if not isinstance(spec, Mapping):
        return None
    match spec.get("family"):
        case {"source": str()}:
            has_own_task = True
        case _:
            has_own_task = False
    if not has_own_task and next(_of(spec), None) is None:
        return None
    return {name: spec[name] for name in ("family", "training", *INSTALLED) if name in spec}


def _other_task(spec: object) -> str | None:
    """The reason that the study's own task differs from the registered one; None if none does."""
    match spec:
        case {"family": {"name": str(name), "source": str(source), "version": str(version)}}:
            found = REGISTERED.find(name)
            if found is None or found.source != source:
                where = f"widthwise up --plugin {source}" if ".py" in source else "install it"
                return f"{name} is of {source}, which is not registered here: {where}"
            return REGISTERED.changed(found, version)
    return None


def _of(spec: object) -> Iterator[tuple[str, str, str]]:
    """Field, name and package of everything that comes from a plugin; none if that is unknown."""
    if not isinstance(spec, Mapping):
        return
    for field in INSTALLED:
        named = spec.get(field)
        for one in named if isinstance(named, list | tuple) else (named,):
            match one:
                case {"name": str(name), "plugin": str(plugin)}:
                    yield field, name, plugin
    match spec.get("training"):
        case {"schedule": {"shape": str(name), "plugin": str(plugin)}}:
            yield "schedule", name, plugin


def _difference(plugins: Plugins[Any], name: str, made_with: str) -> str | None:
    installed = plugins.package_of(name)
    if installed is not None:
        if installed == made_with:
            return None
        return f"{name} is of {made_with}, and {installed} is installed: install {made_with}"
    for left_out in plugins.left_out:
        if left_out.name == name:
            return f"{name} is of {made_with}, which cannot be used: {left_out.reason}"
    return f"{name} is of {made_with}, which is not installed: install it"
