"""Files for browsers: our own modules and styles, and plotly.js out of the installed wheel."""

import hashlib
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from app.packed import Packed, packed, send_packed

router = APIRouter()

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}

_STATIC: Final = Path(__file__).parent / "static"
_OWN: Final = {
    path.relative_to(_STATIC).as_posix(): path.read_bytes() for path in sorted(_STATIC.rglob("*.*"))
}
_EDITION: Final = hashlib.sha256(b"\0".join(_OWN.values())).hexdigest()[:12]

# Paths carry what they serve: an edition's files never change, so browsers keep them.
OWN_ASSETS: Final = f"/assets/{_EDITION}"
STYLE: Final = _OWN["style.css"].decode()
PLOTLY: Final = f"/assets/plotly-{version('plotly')}.min.js"


def serve_plotly(request: Request) -> Response:
    """plotly.js."""
    return send_packed(request, plotly(), _MEDIA_TYPES[".js"], _FOR_EVER)


async def serve_own(request: Request) -> Response:
    """One of our own files."""
    # A coroutine, and no route of FastAPI's: a page asks for a dozen, and a hop to a thread and
    # what routes depend on would take longer than each.
    name = request.path_params["name"]
    if name not in _OWN:
        raise HTTPException(404)
    return send_packed(request, _own(name), _MEDIA_TYPES[Path(name).suffix], _FOR_EVER)


router.add_route(PLOTLY, serve_plotly)
router.add_route(f"{OWN_ASSETS}/{{name:path}}", serve_own)


@cache
def _own(name: str) -> Packed:
    return packed(_OWN[name])


@cache
def plotly() -> Packed:
    """plotly.js, which takes part of a second to compress."""
    spec = find_spec("plotly")  # importing plotly takes a second
    assert spec is not None, "plotly is in requirements.lock"
    assert spec.submodule_search_locations, "plotly is a package"
    root = Path(spec.submodule_search_locations[0])
    return packed((root / "package_data" / "plotly.min.js").read_bytes())
