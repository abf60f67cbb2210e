"""Request bodies: JSON in UTF-8 and nothing else, refused with the reason."""

import json
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from tuner.spec.submitted import Rounded

Json = Any
"""A parsed JSON document."""


class JsonRoute(APIRoute):
    """A route whose request body is a JSON document."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            if self.body_field is not None:
                if self.body_field.field_info.is_required() or _has_body(request):
                    _require_json(request)
                request = _JsonRequest(request.scope, request.receive)
            return await handle(request)

        return handle_json


def _has_body(request: Request) -> bool:
    headers = request.headers
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _require_json(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise HTTPException(
            415, "Send the body as JSON, with the header 'Content-Type: application/json'."
        )
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed != "identity":
        raise HTTPException(
            415, "Bodies are not unpacked here: send the JSON itself, without 'Content-Encoding'."
        )


class _JsonRequest(Request):
    async def json(self) -> Json:
        if not hasattr(self, "_json"):
            self._json = parsed_json(await self.body())
        return self._json


def parsed_json(body: bytes) -> Json:
    """Parse a body; a byte order mark before it, which some editors and shells write, is no part.

    NaN and infinity, which are not JSON, pass: validation names the field they are in. So do
    numbers that are whole only as floats, as `Rounded`.

    Raises:
        HTTPException: if it is not JSON in UTF-8, or names a field twice.

    """
    try:
        return json.loads(
            body.removeprefix(BOM_UTF8).decode(), object_pairs_hook=_object, parse_float=_number
        )
    except UnicodeDecodeError as error:
        raise HTTPException(
            400, f"The body is not UTF-8: byte {error.start} cannot be read. Encode it as UTF-8."
        ) from error
    except RecursionError as error:
        raise HTTPException(400, "The body is nested too deeply. Flatten it.") from error
    except json.JSONDecodeError as error:
        raise HTTPException(
            400,
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
        ) from error
    except ValueError as error:  # the interpreter's limit on digits of an integer
        raise HTTPException(400, f"The body holds a number that is too long: {error}.") from error


def _number(written: str) -> float:
    number = float(written)
    return Rounded(written) if number.is_integer() and not _is_whole(written) else number


def _is_whole(written: str) -> bool:
    """True if the decimal digits themselves make a whole number.

    >>> [_is_whole(one) for one in ("1.0", "-0.0", "12.5e1", "1e-400", "1.00000000000000000001")]
    [True, True, True, False, False]
    """
    mantissa, _, exponent = written.lower().partition("e")
    _, _, decimals = mantissa.partition(".")
    digits = mantissa.replace(".", "").lstrip("-0")
    zeros = len(digits) - len(digits.rstrip("0"))
    return not digits or int(exponent or 0) - len(decimals) + zeros >= 0


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        times = Counter(name for name, _ in pairs)
        twice = next(name for name, count in times.items() if count > 1)
        raise HTTPException(
            400, f"The body names the field {twice[:60]!r} twice in one object. Keep one of them."
        )
    return document
