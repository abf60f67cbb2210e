"""Files for browsers: our own modules and styles, and plotly.js out of the installed wheel."""

import gzip
import hashlib
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

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
PLOTLY: Final = f"/assets/plotly-{version('plotly')}.min.js"


@router.get(PLOTLY)
def serve_plotly(request: Request) -> Response:
    """plotly.js."""
    return _sent(request, _plotly(), ".js")


@router.get(f"{OWN_ASSETS}/{{name:path}}")
def serve_own(request: Request, name: str) -> Response:
    """One of our own files."""
    if name not in _OWN:
        raise HTTPException(404)
    return _sent(request, _own(name), Path(name).suffix)


class _File(NamedTuple):
    plain: bytes
    packed: bytes


def _sent(request: Request, file: _File, suffix: str) -> Response:
    """The file, compressed unless the browser cannot read that."""
    headers, content = {**_FOR_EVER, "Vary": "Accept-Encoding"}, file.plain
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        content = file.packed
    return Response(content, media_type=_MEDIA_TYPES[suffix], headers=headers)


@cache
def _own(name: str) -> _File:
    return _File(_OWN[name], gzip.compress(_OWN[name]))


@cache
def _plotly() -> _File:
    """Found without importing plotly, which takes a second."""
    spec = find_spec("plotly")
    assert spec is not None, "plotly is in requirements.lock"
    assert spec.submodule_search_locations, "plotly is a package"
    root = Path(spec.submodule_search_locations[0])
    plain = (root / "package_data" / "plotly.min.js").read_bytes()
    return _File(plain, gzip.compress(plain))
