"""Widthwise over HTTP, for scripts and notebooks."""

import ipaddress
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self, TypedDict, Unpack
from urllib.parse import quote, urlsplit

import httpx

from widthwise.address import find_address
from widthwise.errors import Refused, Unreachable, WidthwiseError
from widthwise.event_stream import Event, parse_events
from widthwise.external.leasing import StudyTrials, usual_worker

Document = dict[str, Any]
"""A JSON object as the service sent it; docs/api.md and /openapi.json say what it holds."""


class Asked(TypedDict, total=False):
    """What a recommendation is asked for: a target, and one of the study's optimizers."""

    width: int | None
    depth: int | None
    batch_size: int | None
    tokens: int | None
    optimizer: str | None


ATTEMPTS: Final = 3
_FIRST_PAUSE_SECONDS: Final = 0.2
SILENCE_SECONDS: Final = 40.0
"""An event stream this long without a sign of life is taken for dead; the service sends one
every 15 s."""


class Client:
    """A connection to one service; a context manager.

    Every request is safe to repeat, because a POST carries an `Idempotency-Key`: one that is
    cut off is sent again, twice, before it fails.

    Args:
        address: of the service; default as `find_address` finds it.
        timeout_seconds: longest wait for any part of an answer.

    Raises:
        WidthwiseError: from every method, if the service cannot be asked or says no.

    """

    def __init__(self, address: str | None = None, *, timeout_seconds: float = 30.0) -> None:
        self.address = find_address(address)
        try:
            self._http = httpx.Client(
                base_url=self.address,
                timeout=timeout_seconds,
                trust_env=not _is_loopback(self.address),  # a proxy cannot reach this machine's own
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise WidthwiseError(f"{self.address} is not an address: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(self, spec: Mapping[str, Any], *, idempotency_key: str | None = None) -> Document:
        """Queue a study and return it. The same key submits the same study once."""
        return self._post("/v1/studies", dict(spec), idempotency_key)

    def study(self, study_id: str) -> Document:
        """One study: state, reason, spec, progress."""
        return self._json(_path_of(study_id))

    def studies(self, state: str | None = None) -> Iterator[Document]:
        """Every study that can be read, newest first, fetched page by page."""
        for page in self.study_pages(state):
            yield from page["studies"]

    def study_pages(self, state: str | None = None) -> Iterator[Document]:
        """Pages of the list: `studies`, and those `unreadable` with the `problem` of each."""
        return self._pages("/v1/studies", state=state, page_size=100)

    def trials(
        self, study: str | Document, *, worker: str | None = None, ttl_seconds: int = 60
    ) -> StudyTrials:
        """Every trial: hyperparameters, state, losses; fetched page by page.

        A loop over the answer leases the trials of a study of the family `external`, to be trained
        here: see `StudyTrials`.

        Args:
            study: its id, or the study.
            worker: whose leases they are; default: a name of this process's own.
            ttl_seconds: a trial that is not reported on for so long goes to another worker.

        """
        study_id = study if isinstance(study, str) else str(study["id"])
        pages = self._pages(f"{_path_of(study_id)}/trials", page_size=1_000)
        listed = [one for page in pages for one in page["trials"]]
        return StudyTrials(
            {"study_id": study_id, "trials": listed},
            self,
            worker=worker or usual_worker(),
            ttl_seconds=ttl_seconds,
        )

    def lease(self, study_id: str, *, worker: str, ttl_seconds: int = 60) -> Document | float:
        """A trial of a study of the family `external`, or the seconds after which to ask again."""
        body = {"worker": worker, "ttl_seconds": ttl_seconds}
        request = self._http.build_request("POST", f"{_path_of(study_id)}:lease", json=body)
        response = self._send(request)
        if response.status_code == 204:
            return float(response.headers.get("retry-after", 1))
        return _document(response)

    def report(self, order_id: str, body: Mapping[str, Any]) -> Document:
        """Say how far a leased trial is; sent again, a report changes nothing."""
        path = f"/v1/orders/{quote(order_id, safe='')}/reports"
        request = self._http.build_request("POST", path, json=dict(body))
        return _document(self._send(request))

    def curves(
        self, study_id: str, *, numbers: Sequence[int] = (), metrics: Sequence[str] = ()
    ) -> Document:
        """Metrics of trials, step by step; of all trials and metrics if none are named."""
        path = f"{_path_of(study_id)}/curves"
        pages = self._pages(path, number=numbers, metric=metrics, page_size=100)
        return {"study_id": study_id, "curves": [one for page in pages for one in page["curves"]]}

    def sensitivity(self, study_id: str) -> Document:
        """Loss against learning rate by width, with the fitted optima."""
        return self._json(f"{_path_of(study_id)}/sensitivity")

    def coordinate_check(self, study_id: str) -> Document:
        """Verdict and slopes of the coordinate check."""
        return self._json(f"{_path_of(study_id)}/coordinate-check")

    def recommendation(self, study_id: str, **asked: Unpack[Asked]) -> Document:
        """Hyperparameters for a target; what is not asked for is the study's own target's."""
        return self._json(f"{_path_of(study_id)}/recommendation", **asked)

    def recommendation_text(self, study_id: str, form: str, **asked: Unpack[Asked]) -> str:
        """The recommendation as the service writes it: `json`, `yaml` or `python`."""
        path = f"{_path_of(study_id)}/recommendation"
        return self._get(path, **asked, format=form).text

    def cancel(self, study_id: str) -> Document:
        """End the study for good."""
        return self._post(f"{_path_of(study_id)}:cancel")

    def pause(self, study_id: str) -> Document:
        """Stop the study's work until it is resumed."""
        return self._post(f"{_path_of(study_id)}:pause")

    def resume(self, study_id: str) -> Document:
        """Go on with a paused study."""
        return self._post(f"{_path_of(study_id)}:resume")

    def page(self, study_id: str) -> str:
        """Address of the study's page, for a browser."""
        return f"{self.address}/studies/{quote(study_id, safe='')}"

    @contextmanager
    def events(self, study_id: str, *, after: str = "") -> Iterator[Iterator[Event]]:
        """One connection to the study's events, those after event id `after` first.

        Both opening it and reading from it raise `Unreachable` when the connection is lost:
        open another one with the id of the last event seen.
        """
        path = f"{_path_of(study_id)}/events"
        headers = {"accept": "text/event-stream"} | ({"last-event-id": after} if after else {})
        timeout = httpx.Timeout(self._http.timeout.connect, read=SILENCE_SECONDS)
        with (
            self._connection(),
            self._http.stream("GET", path, headers=headers, timeout=timeout) as response,
        ):
            if not response.is_success:
                response.read()
            yield parse_events(_checked(response).iter_lines())

    def _pages(
        self, path: str, **query: str | int | Sequence[str | int] | None
    ) -> Iterator[Document]:
        page = self._json(path, **query)
        yield page
        while page_token := page.get("next_page_token"):
            page = self._json(path, **query, page_token=page_token)
            yield page

    def _json(self, path: str, **query: str | int | Sequence[str | int] | None) -> Document:
        return _document(self._get(path, **query))

    def _get(self, path: str, **query: str | int | Sequence[str | int] | None) -> httpx.Response:
        given: dict[str, Any] = {name: value for name, value in query.items() if value is not None}
        return self._send(self._http.build_request("GET", path, params=given))

    def _post(
        self, path: str, body: Document | None = None, idempotency_key: str | None = None
    ) -> Document:
        headers = {"idempotency-key": idempotency_key or str(uuid.uuid4())}
        request = self._http.build_request("POST", path, json=body, headers=headers)
        return _document(self._send(request))

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
                    return _checked(response)
                time.sleep(pause)
            return _checked(self._http.send(request))

    @contextmanager
    def _connection(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise Unreachable(self.address, str(error) or type(error).__name__) from error


def _path_of(study_id: str) -> str:
    """Path of a study; an id with `?` or `/` in it must not lead elsewhere."""
    return f"/v1/studies/{quote(study_id, safe='')}"


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_busy(response: httpx.Response) -> bool:
    """Whether the service asks to come again at once (its database was locked)."""
    return response.status_code == 503 and response.headers.get("retry-after") == "1"


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = {"detail": response.text[:500]}
    raise Refused(response.status_code, problem if isinstance(problem, dict) else {})


def _document(response: httpx.Response) -> Document:
    try:
        document = response.json()
    except ValueError as error:
        raise WidthwiseError(
            f"{response.url} did not answer with JSON: is this a Widthwise service?"
        ) from error
    if not isinstance(document, dict):
        raise WidthwiseError(f"{response.url} did not answer with a JSON object")
    return document
