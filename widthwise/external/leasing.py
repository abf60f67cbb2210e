"""The trials of a study: read as a document, or leased one by one and trained here."""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from widthwise.errors import Refused, WidthwiseError
from widthwise.external.trial import Reporting, Trial

ENDED: Final = 410
_PAUSE_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 600.0


class Leasing(Reporting, Protocol):
    """The client's methods that leasing uses."""

    def lease(self, study_id: str, *, worker: str, ttl_seconds: int) -> dict[str, Any] | float:
        """A trial's document, or the seconds after which to ask again."""


class StudyTrials(dict[str, Any]):
    """All trials of a study, as the service lists them; iterated, those that are to be trained.

    As a document it has `study_id` and `trials`. A loop over it leases trials of a study of the
    family `external` one after another, until the study has ended:

        for trial in client.trials(study):
            optimizer, schedule = trial.apply(build(trial.width))
            for step in range(trial.start_step, trial.to_step):
                ...
                if trial.report(step + 1, loss) == "stop":
                    break

    """

    def __init__(
        self, document: Mapping[str, Any], client: Leasing, *, worker: str, ttl_seconds: int
    ) -> None:
        super().__init__(document)
        self._client = client
        self._worker = worker
        self._ttl_seconds = ttl_seconds

    def __iter__(self) -> Iterator[Trial]:  # type: ignore[override]  # as documented
        return leased_trials(
            self._client, self["study_id"], worker=self._worker, ttl_seconds=self._ttl_seconds
        )


def leased_trials(
    client: Leasing, study_id: str, *, worker: str, ttl_seconds: int
) -> Iterator[Trial]:
    """Trials to train, one after another, waiting where none is due; until the study has ended.

    Raises:
        WidthwiseError: if the service refuses, does not answer for long, or a trial is left
            before it has ended.

    """
    while True:
        leased = _leased(client, study_id, worker, ttl_seconds)
        if leased is None:
            return
        trial = Trial(leased, client)
        yield trial
        if not trial.has_ended:
            raise WidthwiseError(
                f"trial {trial.number} was left before it ended: report up to step"
                f" {trial.to_step}, or say why not with trial.fail(message)"
            )


def _leased(client: Leasing, study_id: str, worker: str, ttl_seconds: int) -> dict[str, Any] | None:
    """The next trial's document, once there is one; None once the study has ended."""
    answered_at = time.monotonic()
    while True:
        pause: dict[str, Any] | float = _PAUSE_SECONDS
        try:
            pause = client.lease(study_id, worker=worker, ttl_seconds=ttl_seconds)
            answered_at = time.monotonic()
        except WidthwiseError as error:
            if isinstance(error, Refused) and error.status == ENDED:
                return None
            if not error.is_temporary or time.monotonic() - answered_at > _PATIENCE_SECONDS:
                raise
        if isinstance(pause, dict):
            return pause
        time.sleep(pause)


def usual_worker() -> str:
    """A name for this process, different from that of every other one."""
    return f"{socket.gethostname()[:80]}-{os.getpid()}"
