"""The cookies of browsers: a session's, its CSRF token, and a share link's."""

import datetime as dt
from typing import Final

from fastapi import Request, Response

from app.auth.known import csrf_token

SESSION: Final = "widthwise_session"
CSRF: Final = "widthwise_csrf"
"""Readable by our own pages, which send it back in the header."""
CSRF_HEADER: Final = "X-CSRF-Token"
SHARE: Final = "widthwise_share"
LIFETIME: Final = dt.timedelta(hours=12)


def begin(request: Request, response: Response, token: str) -> None:
    """Have the browser hold a session."""
    _keep(request, response, SESSION, token)
    _keep(request, response, CSRF, csrf_token(token), is_hidden=False)


def share(request: Request, response: Response, secret: str) -> None:
    """Have the browser hold a share link's secret."""
    _keep(request, response, SHARE, secret)


def end(response: Response) -> None:
    """Have the browser forget its session."""
    for name in (SESSION, CSRF, SHARE):
        response.delete_cookie(name, path="/")


def _keep(
    request: Request, response: Response, name: str, value: str, *, is_hidden: bool = True
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=int(LIFETIME.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=is_hidden,
        samesite="lax",
    )
