"""The API's description, made once for all tests that read it: making it takes two seconds."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from app.main import create_app
from app.settings import AppSettings
from tuner.storage.sql.database import open_database


@cache
def described() -> Mapping[str, Any]:
    """What /openapi.json answers."""
    app = create_app(open_database("sqlite:///never-opened.db"), AppSettings())
    return dict(app.openapi())


def operations() -> list[tuple[str, str]]:
    """Method and path of every operation."""
    paths = described()["paths"]
    return [(method.upper(), path) for path in paths for method in paths[path]]
