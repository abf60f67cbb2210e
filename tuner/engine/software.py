"""Tell the software of a machine: orders mean the same only where it is the coordinator's."""

import hashlib
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from parametrization.recommendation.record import Record
from tuner.spec.versions import INSTALLED

CODE: Final = ("parametrization", "tuner", "widthwise", "workers")
"""Packages that orders and reports pass through."""
_LIBRARIES: Final = ("torch", "numpy")
"""Trials of one study must not be trained by several versions of these."""


class Software(Record):
    """Everything that decides what an order does, apart from the order."""

    python: str
    """Without the patch level: `3.11`."""
    code: str
    """SHA-256 of Widthwise's own sources."""
    packages: dict[str, str]
    """Version by name: of libraries without the build (`+cpu`), and of the packages of plugins."""


def installed_software() -> Software:
    """The software installed in this process; reads every source file."""
    plugins = (
        plugin.package.rpartition(" ")
        for found in INSTALLED.values()
        for plugin in found.usable.values()
    )
    return Software(
        python=".".join(platform.python_version_tuple()[:2]),
        code=_code_sha256(),
        packages=dict(_libraries()) | {name: number for name, _, number in plugins},
    )


def differences(ours: Software, theirs: Software) -> tuple[str, ...]:
    """Differences, in words, of a worker's software from the coordinator's.

    More packages than the coordinator's do no harm.

    >>> ours = Software(python="3.11", code="a", packages={"more-optimizers": "0.2.0"})
    >>> differences(ours, ours.model_copy(update={"packages": {}}))
    ('more-optimizers 0.2.0 is not installed',)

    """
    found = []
    if theirs.python != ours.python:
        found.append(f"Python is {theirs.python}, not {ours.python}")
    if theirs.code != ours.code:
        found.append(f"Widthwise's code is {theirs.code[:8]}, not {ours.code[:8]}")
    for name, number in ours.packages.items():
        there = theirs.packages.get(name)
        if there is None:
            found.append(f"{name} {number} is not installed")
        elif there != number:
            found.append(f"{name} is {there}, not {number}")
    return tuple(found)


def _libraries() -> Iterator[tuple[str, str]]:
    for name in _LIBRARIES:
        try:
            yield name, version(name).partition("+")[0]
        except PackageNotFoundError:  # the coordinator itself needs no torch
            continue


def _code_sha256() -> str:
    digest = hashlib.sha256()
    for package in CODE:
        spec = find_spec(package)
        assert spec is not None
        for place in spec.submodule_search_locations or ():
            folder = Path(place)
            for path in sorted(folder.rglob("*.py")):
                digest.update(f"{package}/{path.relative_to(folder).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
