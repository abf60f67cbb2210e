"""Coordinate checks that a service takes on their own, in a script or notebook."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, Unpack
from urllib.parse import quote

from widthwise.connection import Connection, Document
from widthwise.errors import WidthwiseError
from widthwise.following import Following, follow
from widthwise.resources.study_lists import Wanted, wanted_query

_SHARED: Final = (
    "name",
    "labels",
    "project",
    "priority",
    "family",
    "dataset",
    "optimizers",
    "policies",
    "base_width",
)
"""Fields that a study and a check have by the same names."""


class Asking(Following, Protocol):
    """The client's methods that a check uses."""

    def check(self, check_id: str) -> "Check":
        """The check as it is now."""


class Check(dict[str, Any]):
    """A check as the service answered it; `wait` brings it up to date."""

    def __init__(self, document: Mapping[str, Any], client: Asking) -> None:
        super().__init__(document)
        self._client = client

    @property
    def id(self) -> str:
        """`std_...`."""
        return str(self["id"])

    def wait(self, *, patience_seconds: float = 120.0) -> "Check":
        """Wait until the check is over, and return it as it is then; its `outcome` may be any.

        Args:
            patience_seconds: how long the service may be unreachable before that is an error.

        Raises:
            WidthwiseError: if it could not be taken or was cancelled, with the reason; or if the
                service stayed away.

        """
        for _ in follow(self._client, self.id, patience_seconds=patience_seconds):
            pass
        document = self._client.check(self.id)
        self.clear()
        self.update(document)
        if self["state"] != "completed":
            raise WidthwiseError(f"{self.id} is {self['state']}: {self['reason'] or 'no reason'}")
        return self


class Checks(Connection, Following):
    """The requests about coordinate checks that stand alone."""

    def submit_check(
        self, asked: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Check:
        """Queue a coordinate check and return it. The same key submits the same check once.

        Args:
            asked: the check's fields, or a study's specification, whose check is taken.

        """
        return Check(self._post(_PATH, _asked(asked), idempotency_key), self)

    def preview_check(self, asked: Mapping[str, Any]) -> Document:
        """The plan and cost of a check, from the same fields as `submit_check`. Queues nothing."""
        return self._post(f"{_PATH}:preview", _asked(asked))

    def check(self, check_id: str) -> Check:
        """One check: outcome, verdict in words, likely causes, slopes by tensor."""
        return Check(self._json(_path(check_id)), self)

    def checks(
        self, state: str | Sequence[str] | None = None, **wanted: Unpack[Wanted]
    ) -> Iterator[Document]:
        """Every check that can be read, newest first, fetched page by page, without slopes."""
        for page in self._pages(_PATH, state=state, **wanted_query(wanted)):
            yield from page["checks"]

    def cancel_check(self, check_id: str) -> Check:
        """End the check for good, without a verdict."""
        return self._moved(check_id, "cancel")

    def pause_check(self, check_id: str) -> Check:
        """Stop the check's work until it is resumed; widths that are done stay."""
        return self._moved(check_id, "pause")

    def resume_check(self, check_id: str) -> Check:
        """Go on with a paused check."""
        return self._moved(check_id, "resume")

    def retry_check(self, check_id: str) -> Check:
        """Let a failed check begin anew."""
        return self._moved(check_id, "retry")

    def _moved(self, check_id: str, action: str) -> Check:
        return Check(self._post(f"{_path(check_id)}:{action}"), self)


def _asked(asked: Mapping[str, Any]) -> Document:
    return check_of_study(asked) if "target" in asked else dict(asked)


def check_of_study(spec: Mapping[str, Any]) -> Document:
    """The coordinate check of a study, as a request of its own.

    >>> study = {"family": {"name": "mlp"}, "target": {"width": 512}, "search": {"trials": 8}}
    >>> check_of_study(study | {"training": {"steps": 90, "batch_size": 32}, "proxy_width": 32})
    {'family': {'name': 'mlp'}, 'base_width': 32, 'batch_size': 32}

    """
    body = {name: spec[name] for name in _SHARED if name in spec}
    if "proxy_width" in spec:
        body.setdefault("base_width", spec["proxy_width"])
    if "batch_size" in (training := spec.get("training") or {}):
        body["batch_size"] = training["batch_size"]
    return body | dict(spec.get("check") or {})


_PATH: Final = "/v1/coordinate-checks"


def _path(check_id: str) -> str:
    return f"{_PATH}/{quote(check_id, safe='')}"
