"""Log in: a browser shows a key once, and holds a session's cookie from then on."""

from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from app.auth import cookies
from app.auth.access import Access
from app.auth.known import KnownSecrets
from app.dashboard.templating import page
from tuner.storage.access.sessions import end_session, open_session
from tuner.storage.sql.database import Database

router = APIRouter()

_FIELDS: Final = 10
_NO_STORE: Final = {"Cache-Control": "no-store"}
WayBack = Annotated[str, Query(alias="next", max_length=2_000)]


@router.get("/login")
async def show_log_in(request: Request, way_back: WayBack = "/") -> Response:
    """Ask for a key, where the service has any."""
    if not await _known(request).are_keys_needed():
        return RedirectResponse("/", 303)
    return _form(way_back)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Exchange a key for a session's cookie, and go back to where the browser came from."""
    form = await _form_of(request)
    key, way_back = form.get("key", "").strip(), form.get("next", "/")
    access = await _known(request).of_secret(key)
    if access is None or access.key is None:
        words = "This key is not known here, or not any more: check that it was copied whole."
        return _form(way_back, words, status=401)
    token = await run_in_threadpool(_session_of, request.app.state.database, access)
    response = RedirectResponse(_within(way_back), 303, headers=_NO_STORE)
    cookies.begin(request, response, token)
    return response


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """End the browser's session."""
    token = request.cookies.get(cookies.SESSION)
    if token:
        await run_in_threadpool(_end, request.app.state.database, token)
        _known(request).forget()
    response = RedirectResponse("/login", 303, headers=_NO_STORE)
    cookies.end(response)
    return response


@router.get("/shared/{secret}")
async def open_share_link(request: Request, secret: str) -> Response:
    """Open the study of a share link, and nothing else."""
    access = await _known(request).of_secret(secret)
    if access is None or access.viewer is None or access.viewer.shared_study_id is None:
        words = "This link is not known here, or not any more: ask for a new one, or log in."
        return _form("/", words, status=404)
    response = RedirectResponse(f"/studies/{access.viewer.shared_study_id}", 303, _NO_STORE)
    cookies.share(request, response, secret)
    return response


def _form(way_back: str, problem: str = "", status: int = 200) -> HTMLResponse:
    response = page("log_in.html", status, way_back=_within(way_back), problem=problem)
    response.headers.update(_NO_STORE)
    return response


async def _form_of(request: Request) -> dict[str, str]:
    """The form's fields; none of a body that is no form."""
    try:
        text = (await request.body()).decode("ascii")
        fields = parse_qs(text, max_num_fields=_FIELDS)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _within(way_back: str) -> str:
    """The path if it is one of this host, else `/`: a link must not lead to another host."""
    is_path = way_back.startswith("/") and not way_back.startswith(("//", "/\\"))
    return way_back if is_path and way_back.isprintable() else "/"


def _known(request: Request) -> KnownSecrets:
    known: KnownSecrets = request.app.state.known
    return known


def _session_of(database: Database, access: Access) -> str:
    assert access.key is not None, "sessions begin with a key"
    with database.write() as session:
        return open_session(session, access.key.id, cookies.LIFETIME)


def _end(database: Database, token: str) -> None:
    with database.write() as session:
        end_session(session, token)
