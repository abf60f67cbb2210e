"""Widthwise over HTTP, for scripts and notebooks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypedDict, Unpack
from urllib.parse import quote

import httpx

from widthwise.connection import ATTEMPTS, Document, checked, document_of, path_of
from widthwise.event_stream import Event, parse_events
from widthwise.external.checking import Batch, Loss, taken_statistics
from widthwise.external.leasing import StudyTrials, usual_worker
from widthwise.resources.checks import Checks
from widthwise.resources.service_reports import ServiceReports
from widthwise.resources.study_lists import StudyLists
from widthwise.resources.trial_exchange import TrialExchange
from widthwise.resources.webhooks import Webhooks
from widthwise.study import Study


class Asked(TypedDict, total=False):
    """The target of a requested recommendation, and one of the study's optimizers."""

    width: int | None
    depth: int | None
    batch_size: int | None
    tokens: int | None
    optimizer: str | None


class Wanted(TypedDict, total=False):
    """Filters of stored recommendations; all of them apply."""

    family: str | None
    optimizer: str | None
    width: int | None
    study: str | None
    state: str | None


SILENCE_SECONDS: Final = 40.0
"""An event stream that is silent for so long is taken for dead; the service sends a comment
every 15 s."""
_STATISTICS_AT_ONCE: Final = 2_000
"""In one request: a service takes bodies of a megabyte."""

__all__ = ["ATTEMPTS", "SILENCE_SECONDS", "Asked", "Client", "Document"]


class Client(StudyLists, Checks, TrialExchange, ServiceReports, Webhooks):
    """The API of a service; see `Connection` for how its requests are sent."""

    def submit(self, spec: Mapping[str, Any], *, idempotency_key: str | None = None) -> Study:
        """Queue a study and return it. The same key submits the same study once."""
        return Study(self._post("/v1/studies", dict(spec), idempotency_key), self)

    def preview(self, spec: Mapping[str, Any]) -> Document:
        """The plan of a study: trials, FLOPs, time, expected interval; nothing is queued."""
        return self._post("/v1/studies:preview", dict(spec))

    def submit_sweep(
        self,
        table: str,
        target_width: int,
        *,
        idempotency_key: str | None = None,
        **further: Any,  # noqa: ANN401  fields of the request
    ) -> Document:
        """Store a table of losses (a CSV text) as studies, and return their answers for a width."""
        body = {"table": table, "target_width": target_width, **further}
        return self._post("/v1/sweeps", body, idempotency_key)

    def sweep(self, study_id: str, target_width: int | None = None) -> Document:
        """The answer of a stored table for a width; default: the one it was stored for."""
        return self._json(f"/v1/sweeps/{quote(study_id, safe='')}", target_width=target_width)

    def study(self, study_id: str) -> Study:
        """One study: state, reason, spec, progress."""
        return Study(self._json(path_of(study_id)), self)

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
        pages = self._pages(f"{path_of(study_id)}/trials", page_size=1_000)
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
        request = self._http.build_request("POST", f"{path_of(study_id)}:lease", json=body)
        response = self._send(request)
        if response.status_code == 204:
            return float(response.headers.get("retry-after", 1))
        return document_of(response)

    def report(self, order_id: str, body: Mapping[str, Any]) -> Document:
        """Report the progress of a leased trial; a repeated report changes nothing."""
        path = f"/v1/orders/{quote(order_id, safe='')}/reports"
        request = self._http.build_request("POST", path, json=dict(body))
        return document_of(self._send(request))

    def curves(
        self, study_id: str, *, numbers: Sequence[int] = (), metrics: Sequence[str] = ()
    ) -> Document:
        """Metrics of trials, step by step; of all trials and metrics if none are named."""
        path = f"{path_of(study_id)}/curves"
        pages = self._pages(path, number=numbers, metric=metrics, page_size=100)
        return {"study_id": study_id, "curves": [one for page in pages for one in page["curves"]]}

    def sensitivity(self, study_id: str) -> Document:
        """Loss against learning rate by width, with the fitted optima."""
        return self._json(f"{path_of(study_id)}/sensitivity")

    def coordinate_check(self, study_id: str) -> Document:
        """Verdict and slopes of the coordinate check."""
        return self._json(f"{path_of(study_id)}/coordinate-check")

    def dynamics(self, study_id: str) -> Document:
        """Curvature and noise along the winner's training, where the study asked for `dynamics`."""
        return self._json(f"{path_of(study_id)}/dynamics")

    def post_check(
        self, study_id: str, build: Callable[[int], Any], loss: Loss, batch: Batch
    ) -> Document:
        """Take the coordinate check of a study of the family `external` here, and post it.

        Posted again, statistics that are there stay as they are.

        Args:
            build: the model of a width, whose tensors are those of the study's shapes.
            loss: of a model and a batch, a scalar tensor, the mean over the batch.
            batch: of a seed, a step from 0 on, and a number of examples; equal at every width.

        Returns:
            Verdict and slopes, as `coordinate_check`.

        """
        for optimizer, statistics in taken_statistics(self.study(study_id), build, loss, batch):
            listed = [one._asdict() for one in statistics]
            for first in range(0, len(listed), _STATISTICS_AT_ONCE):
                some = listed[first : first + _STATISTICS_AT_ONCE]
                body = {"optimizer": optimizer, "statistics": some}
                path = f"{path_of(study_id)}/coordinate-check"
                self._send(self._http.build_request("POST", path, json=body))
        return self.coordinate_check(study_id)

    def recommendation(self, study_id: str, **asked: Unpack[Asked]) -> Document:
        """Hyperparameters for a target; what is not asked for is the study's own target's."""
        return self._json(f"{path_of(study_id)}/recommendation", **asked)

    def recommendation_text(self, study_id: str, form: str, **asked: Unpack[Asked]) -> str:
        """The recommendation as the service writes it: such as `json`, `yaml` or `torch`."""
        path = f"{path_of(study_id)}/recommendation"
        return self._get(path, **asked, format=form).text

    def export(self, study_id: str, form: str, **asked: Unpack[Asked]) -> Document:
        """The recommendation in a framework's form: `files` by name, and what is `inexpressible`.

        Args:
            form: a name that `format=` takes, such as `torchtitan`; docs/exports.md lists them.

        """
        return self._bundle(f"{path_of(study_id)}/recommendation", **asked, format=form)

    def stored_export(self, recommendation_id: str, form: str) -> Document:
        """The stored answer in a framework's form, like `export` for a study."""
        return self._bundle(_stored(recommendation_id), format=form)

    def export_for(
        self,
        study_id: str,
        target_config: str,
        form: str = "json",
        **asked: Unpack[Asked],
    ) -> Document:
        """The result of `export` for a target that a configuration describes.

        Args:
            target_config: text of a config.json, of Megatron-LM's arguments, or of a nanoGPT or
                torchtitan file.
            asked: `batch_size` and `tokens`, which no configuration holds; perhaps `optimizer`.

        """
        body = {"target_config": target_config, **{k: v for k, v in asked.items() if v is not None}}
        return self._bundle_of(f"{path_of(study_id)}/recommendation", body, form)

    def store_recommendation(
        self, study_id: str, *, idempotency_key: str | None = None, **asked: Unpack[Asked]
    ) -> Document:
        """Store the recommendation for a target as it is now, for good; its id is `rec_...`."""
        given = {name: value for name, value in asked.items() if value is not None}
        return self._post(f"{path_of(study_id)}/recommendations", given, idempotency_key)

    def stored_recommendation(self, recommendation_id: str) -> Document:
        """A stored recommendation, its hash, what was decided about it, and the answer itself."""
        return self._json(_stored(recommendation_id))

    def recommendations(self, **wanted: Unpack[Wanted]) -> Iterator[Document]:
        """Every stored recommendation that passes the filters, newest first, without its answer."""
        for page in self._pages("/v1/recommendations", **wanted, page_size=100):
            yield from page["recommendations"]

    def approve(self, recommendation_id: str, *, by: str, note: str) -> Document:
        """Approve a stored recommendation, once and for good."""
        return self._post(f"{_stored(recommendation_id)}:approve", {"by": by, "note": note})

    def reject(self, recommendation_id: str, *, by: str, note: str) -> Document:
        """Reject a stored recommendation, once and for good."""
        return self._post(f"{_stored(recommendation_id)}:reject", {"by": by, "note": note})

    def observe(
        self, recommendation_id: str, observations: Sequence[Mapping[str, Any]]
    ) -> Document:
        """Report early losses of the run that it is for, `{"step": 40, "loss": 2.3}` each.

        The answer says whether the run is on the predicted curve; sent again, losses change
        nothing.
        """
        body = {"observations": [dict(one) for one in observations]}
        return self._post(f"{_stored(recommendation_id)}/observations", body)

    def observations(self, recommendation_id: str) -> Document:
        """The predicted curve of the run, every loss that it has reported, and its verdicts."""
        pages = list(self._pages(f"{_stored(recommendation_id)}/observations", page_size=10_000))
        listed = [one for page in pages for one in page["observations"]]
        return pages[-1] | {"observations": listed}

    def cancel(self, study_id: str) -> Document:
        """End the study for good."""
        return self._post(f"{path_of(study_id)}:cancel")

    def pause(self, study_id: str) -> Document:
        """Stop the study's work until it is resumed."""
        return self._post(f"{path_of(study_id)}:pause")

    def resume(self, study_id: str) -> Document:
        """Go on with a paused study."""
        return self._post(f"{path_of(study_id)}:resume")

    def retry(self, study_id: str) -> Document:
        """Let a failed study go on in the phase in which it failed; failed trials begin again."""
        return self._post(f"{path_of(study_id)}:retry")

    def page(self, study_id: str) -> str:
        """Address of the study's page, for a browser."""
        return f"{self.address}/studies/{quote(study_id, safe='')}"

    @contextmanager
    def events(self, study_id: str, *, after: str = "") -> Iterator[Iterator[Event]]:
        """One connection to the study's events, those after event id `after` first.

        Both opening it and reading from it raise `Unreachable` when the connection is lost:
        open another one with the id of the last event seen.
        """
        path = f"{path_of(study_id)}/events"
        headers = {"accept": "text/event-stream"} | ({"last-event-id": after} if after else {})
        timeout = httpx.Timeout(self._http.timeout.connect, read=SILENCE_SECONDS)
        with (
            self._connection(),
            self._http.stream("GET", path, headers=headers, timeout=timeout) as response,
        ):
            if not response.is_success:
                response.read()
            yield parse_events(checked(response).iter_lines())


def _stored(recommendation_id: str) -> str:
    """Path of a stored recommendation."""
    return f"/v1/recommendations/{quote(recommendation_id, safe='')}"
