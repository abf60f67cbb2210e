"""Admit requests with a key, a browser's session or a share link; refuse others before any route.

A service for which no key was ever made lets everybody in: it listens on this machine alone
(service/opened.py), and `KnownHosts` keeps other sites' pages away.
"""

import hmac
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import quote

from fastapi import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.access import KEYLESS, NOBODY, Access
from app.auth.cookies import CSRF_HEADER, SESSION, SHARE
from app.auth.known import KnownSecrets
from app.auth.limits import RateLimits
from app.auth.scopes import is_open, is_report
from app.http.problems import problem
from tuner.records.errors import TunerError

FAILURES_PER_MINUTE: Final = 120
"""Wrong keys from one address, beyond which they are answered with 429."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class _Shown(NamedTuple):
    access: Access | None
    was_shown: bool
    """True if a key or a session was shown, right or wrong."""


class Gate:
    """Stands before the routes: refuses requests, or notes the access of their sender.

    Args:
        on_error: answers where the database cannot be read.
        requests_per_minute: of a key that has no limit of its own.

    """

    def __init__(
        self,
        app: ASGIApp,
        known: KnownSecrets,
        limits: RateLimits,
        on_error: Callable[[Request, Exception], Awaitable[Response]],
        requests_per_minute: int,
    ) -> None:
        self.app = app
        self._known = known
        self._limits = limits
        self._on_error = on_error
        self._requests_per_minute = requests_per_minute

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        try:
            refusal = await self._refusal(request)
        except TunerError as error:
            refusal = await self._on_error(request, error)
        await (refusal or self.app)(scope, receive, send)

    async def _refusal(self, request: Request) -> Response | None:
        """The answer to a request that is refused; None if it is admitted and its access noted."""
        if is_open(request.scope["path"]):
            request.scope["access"] = NOBODY
            return None
        request.scope["still"] = partial(self._is_still, request)
        if not await self._known.are_keys_needed():
            request.scope["access"] = KEYLESS
            return None
        access, was_shown = await self._shown(request)
        if access is None:
            return self._unknown(request, was_shown=was_shown)
        request.scope["access"] = access
        return _forged(request, access) or self._too_many(request, access)

    async def _is_still(self, request: Request) -> bool:
        """True if the request's sender may still read what they could when the request came."""
        before: Access = request.scope["access"]
        try:
            if not await self._known.are_keys_needed():
                return before is KEYLESS
            now, _ = await self._shown(request)
        except TunerError:  # the database cannot be read: there is nothing new to send either
            return True
        return now is not None and now.viewer == before.viewer

    async def _shown(self, request: Request) -> _Shown:
        text = _key_in(request)
        if text is not None:
            return _Shown(await self._known.of_secret(text), was_shown=True)
        token, secret = request.cookies.get(SESSION), request.cookies.get(SHARE)
        access = await self._known.of_session(token) if token else None
        if secret and request.method in _SAFE:
            shared = await self._known.of_secret(secret)
            access = _with_shared(access, shared)
        return _Shown(access, was_shown=bool(token or secret))

    def _unknown(self, request: Request, *, was_shown: bool) -> Response:
        path, wants_page = request.scope["path"], "text/html" in request.headers.get("accept", "")
        if wants_page and request.method in _SAFE and not path.startswith("/v1/"):
            query = f"?{request.url.query}" if request.url.query else ""
            way_back = quote(f"{path}{query}", safe="")
            return RedirectResponse(f"/login?next={way_back}", 303)
        if was_shown:
            address = request.client.host if request.client else ""
            retry = self._limits.retry_seconds(f"address {address}", FAILURES_PER_MINUTE)
            if retry is not None:
                return _come_again(request, retry, "Too many wrong keys from this address")
        what = "not known here, or not any more" if was_shown else "missing"
        detail = (
            f"The key is {what}: send one as `Authorization: Bearer wwk_...`, or log in at /login."
            " `widthwise keys create` makes one on the service's machine."
        )
        headers = {"WWW-Authenticate": 'Bearer realm="widthwise"'}
        return problem(request, 401, detail, headers=headers)

    def _too_many(self, request: Request, access: Access) -> Response | None:
        if is_report(request.method, request.scope["path"]):
            return None
        per_minute = self._requests_per_minute
        if access.key is not None and access.key.requests_per_minute is not None:
            per_minute = access.key.requests_per_minute
        name = f"share {access.viewer}" if access.key is None else access.key.id
        retry = self._limits.retry_seconds(name, per_minute)
        if retry is None:
            return None
        return _come_again(request, retry, f"This key may send {per_minute} requests a minute")


def _key_in(request: Request) -> str | None:
    """The key in the headers; other schemes are left to a proxy in front of the service."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    return request.headers.get("x-api-key")


def _with_shared(access: Access | None, shared: Access | None) -> Access | None:
    """The access of a session, extended by the study of a share link that it also holds."""
    if access is None or access.viewer is None or shared is None or shared.viewer is None:
        return access or shared
    viewer = access.viewer._replace(shared_study_id=shared.viewer.shared_study_id)
    return access._replace(viewer=viewer)


def _forged(request: Request, access: Access) -> Response | None:
    """Refuse a change that a browser was made to send by another site."""
    if access.csrf_token is None or request.method in _SAFE:
        return None
    given = request.headers.get(CSRF_HEADER, "")
    if hmac.compare_digest(given.encode(), access.csrf_token.encode()):
        return None
    detail = (
        f"A browser's session sends the value of its cookie `widthwise_csrf` as {CSRF_HEADER} with"
        " every change: reload the page, or send a key instead of the cookie."
    )
    return problem(request, 403, detail, kind="csrf-token-missing")


def _come_again(request: Request, seconds: int, what: str) -> Response:
    return problem(
        request,
        429,
        f"{what}: try again in {seconds} s.",
        kind="too-many-requests",
        headers={"Retry-After": str(seconds)},
    )
