"""Compare the plugins that a study was made with to those installed here.

A study keeps package and version of every plugin's optimizer it names. Another version may take
other steps under the same name, so that its trials could not be compared with those before.
"""

from collections.abc import Iterator

from parametrization.optimizers.registry import PLUGINS


def other_plugins(spec: object) -> str | None:
    """In words, which optimizer of a stored specification is not the installed one, if any.

    Args:
        spec: as stored, because one whose plugin is gone can no longer be read as a record.

    """
    differing = (_difference(name, made_with) for name, made_with in _of_plugins(spec))
    return "; ".join(filter(None, differing)) or None


def _of_plugins(spec: object) -> Iterator[tuple[str, str]]:
    """Name and package of every optimizer that comes from a plugin; none if that is not told."""
    match spec:
        case {"optimizers": [*configs]}:
            for config in configs:
                match config:
                    case {"name": str(name), "plugin": str(plugin)}:
                        yield name, plugin


def _difference(name: str, made_with: str) -> str | None:
    if name in PLUGINS.usable:
        installed = PLUGINS.usable[name].package
        if installed == made_with:
            return None
        return f"{name} is of {made_with}, and {installed} is installed: install {made_with}"
    for left_out in PLUGINS.left_out:
        if left_out.name == name:
            return f"{name} is of {made_with}, which cannot be used: {left_out.reason}"
    return f"{name} is of {made_with}, which is not installed: install it"
