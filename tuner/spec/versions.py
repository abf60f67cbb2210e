"""Whether the plugins that a study was made with are those installed here.

A study keeps package and version of every plugin's optimizer it names. Another version may take
other steps under the same name, so that its trials could not be compared with those before.
"""

from collections.abc import Mapping
from typing import Any

from parametrization.optimizers.registry import PLUGINS


def other_plugins(spec: Mapping[str, Any]) -> str | None:
    """In words, which optimizer of a stored specification is not the installed one, if any.

    Args:
        spec: as JSON, because one whose plugin is gone can no longer be read as a record.

    """
    differing = [
        words
        for config in spec.get("optimizers", ())
        if config.get("plugin") and (words := _difference(config["name"], config["plugin"]))
    ]
    return "; ".join(differing) or None


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
