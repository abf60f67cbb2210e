"""The API's description, made once for all tests that read it: making it takes two seconds."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from app.main import routed_app


@cache
def described() -> Mapping[str, Any]:
    """What /openapi.json answers."""
    return dict(routed_app().openapi())


def operations() -> list[tuple[str, str]]:
    """Method and path of every operation."""
    paths = described()["paths"]
    return [(method.upper(), path) for path in paths for method in paths[path]]
