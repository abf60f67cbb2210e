"""A connection to one service: requests sent again where that is safe, and answers checked."""

import datetime as dt
import ipaddress
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx

from widthwise.configuration.chosen import API_KEY, chosen_service
from widthwise.errors import Refused, Unreachable, WidthwiseError

Document = dict[str, Any]
"""A JSON object as the service sent it; docs/api.md and /openapi.json say what it holds."""

BUNDLE: Final = "application/vnd.widthwise.files+json"
"""Media type of a form's files by name."""
ATTEMPTS: Final = 3
_FIRST_PAUSE_SECONDS: Final = 0.2


class Connection:
    """A connection to one service; a context manager.

    Every request is safe to repeat, because a POST carries an `Idempotency-Key`: one that is
    cut off is sent again, twice, before it fails.

    Args:
        address: of the service; default: WIDTHWISE_ADDRESS, else the person's configuration file,
            else as `find_address` finds it.
        api_key: to send with every request; default: that of WIDTHWISE_API_KEY, else of the file.
        timeout_seconds: longest wait for a part of an answer.

    Raises:
        WidthwiseError: from every method, if the service cannot be reached or refuses.

    """

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str | None = None,
        timeout_seconds: float = 30.0,
    ) -> None:
        chosen = chosen_service(address, api_key)
        self.address = chosen.address.value
        try:
            self._http = httpx.Client(
                base_url=self.address,
                headers=_authorization(chosen.api_key.value),
                timeout=timeout_seconds,
                trust_env=not _is_loopback(self.address),  # a proxy cannot reach this machine's own
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise WidthwiseError(f"{self.address} is not an address: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _pages(
        self, path: str, **query: str | int | Sequence[str | int] | None
    ) -> Iterator[Document]:
        page = self._json(path, **query)
        yield page
        while page_token := page.get("next_page_token"):
            page = self._json(path, **query, page_token=page_token)
            yield page

    def _json(self, path: str, **query: str | int | Sequence[str | int] | None) -> Document:
        return document_of(self._get(path, **query))

    def _get(self, path: str, **query: str | int | Sequence[str | int] | None) -> httpx.Response:
        given: dict[str, Any] = {name: value for name, value in query.items() if value is not None}
        return self._send(self._http.build_request("GET", path, params=given))

    def _bundle(self, path: str, **query: str | int | None) -> Document:
        """A form's files by name, and what they leave out."""
        given = {name: value for name, value in query.items() if value is not None}
        headers = {"accept": BUNDLE}
        return document_of(
            self._send(self._http.build_request("GET", path, params=given, headers=headers))
        )

    def _bundle_of(self, path: str, body: Document, form: str) -> Document:
        """A form's files by name, for a request with a body."""
        headers = {"accept": BUNDLE}
        request = self._http.build_request(
            "POST", path, json=body, params={"format": form}, headers=headers
        )
        return document_of(self._send(request))

    def _post(
        self, path: str, body: Document | None = None, idempotency_key: str | None = None
    ) -> Document:
        headers = {"idempotency-key": idempotency_key or str(uuid.uuid4())}
        request = self._http.build_request("POST", path, json=body, headers=headers)
        return document_of(self._send(request))

    def _patch(self, path: str, body: Document, if_version: int | None = None) -> Document:
        headers = {} if if_version is None else {"if-match": f'"{if_version}"'}
        request = self._http.build_request("PATCH", path, json=body, headers=headers)
        return document_of(self._send(request))

    def _send(self, request: httpx.Request) -> httpx.Response:
        with self._connection():
            for attempt in range(1, ATTEMPTS):
                pause = _FIRST_PAUSE_SECONDS * attempt
                try:
                    response = self._http.send(request)
                except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                    time.sleep(pause)
                    continue
                if not _is_busy(response):
                    return checked(response)
                time.sleep(pause)
            return checked(self._http.send(request))

    @contextmanager
    def _connection(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise Unreachable(self.address, str(error) or type(error).__name__) from error


def _authorization(api_key: str) -> dict[str, str]:
    """The header of a key; none without one.

    Raises:
        WidthwiseError: if it is not printable ASCII.

    """
    if not api_key:
        return {}
    if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
        raise WidthwiseError(
            f"the API key ({API_KEY}) holds a space or another character that no key has: copy it"
            " again, whole and alone"
        )
    return {"authorization": f"Bearer {api_key}"}


def path_of(study_id: str) -> str:
    """Path of a study; an id with `?` or `/` in it must not lead elsewhere."""
    return f"/v1/studies/{quote(study_id, safe='')}"


def moment_text(moment: dt.datetime | None) -> str | None:
    """A time with its zone, as queries take it; one without a zone is local."""
    return None if moment is None else moment.astimezone().isoformat()


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_busy(response: httpx.Response) -> bool:
    """True if the service asks to try again at once (its database was locked)."""
    return response.status_code == 503 and response.headers.get("retry-after") == "1"


def checked(response: httpx.Response) -> httpx.Response:
    """The answer, unless it is a refusal.

    Raises:
        Refused: if it is one.

    """
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = {"detail": response.text[:500]}
    raise Refused(response.status_code, problem if isinstance(problem, dict) else {})


def document_of(response: httpx.Response) -> Document:
    """The JSON object of an answer.

    Raises:
        WidthwiseError: if it has none.

    """
    try:
        document = response.json()
    except ValueError as error:
        raise WidthwiseError(
            f"{response.url} did not answer with JSON: is this a Widthwise service?"
        ) from error
    if not isinstance(document, dict):
        raise WidthwiseError(f"{response.url} did not answer with a JSON object")
    return document
