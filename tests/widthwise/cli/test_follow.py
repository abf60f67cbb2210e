"""Watching a study that moves while the service comes and goes."""

import io
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from rich.console import Console

from tests.patience import PATIENCE_SECONDS
from tests.tuner.analytic_engine import AnalyticEngine
from tests.widthwise.conftest import SPEC
from tests.widthwise.running import RunningService, kept_port, running_service
from tuner.spec.states import StudyState
from widthwise.cli.watch import watch_study
from widthwise.client import Client
from widthwise.errors import Refused, Unreachable, WidthwiseError
from widthwise.following import follow

SHORT = SPEC | {"measure": {"grid_points": 5, "widths": [32, 64, 128]}, "at_target": False}
SHORT |= {"control": "none"}


def test_every_phase_is_seen_and_the_last_document_is_final(tmp_path: Path) -> None:
    with running_service(tmp_path) as service, Client(service.address) as client:
        study_id = client.submit(SHORT)["id"]
        seen = []
        for study in follow(client, study_id):
            seen.append(study["state"])
            if len(seen) == 1:
                worker = threading.Thread(target=service.finish, args=(study_id,))
                worker.start()
        worker.join()
    assert seen[0] == "queued"
    assert seen[-1] == "completed"
    assert seen == sorted(
        seen, key=["queued", "checking", "searching", "measuring", "completed"].index
    )


def test_a_service_that_restarts_is_waited_for(tmp_path: Path) -> None:
    answered, gone = threading.Event(), threading.Event()
    states: list[str] = []

    def watch(address: str, study_id: str) -> None:
        with Client(address) as client:
            watched = follow(
                client,
                study_id,
                patience_seconds=PATIENCE_SECONDS,
                on_interruption=lambda _: gone.set(),
            )
            for study in watched:
                states.append(study["state"])
                answered.set()

    with kept_port() as port:
        with running_service(tmp_path, port=port) as first:
            with Client(first.address) as client:
                study_id = client.submit(SHORT)["id"]
            watcher = threading.Thread(target=watch, args=(first.address, study_id))
            watcher.start()
            assert answered.wait(PATIENCE_SECONDS)  # only a service that was there is waited for
        assert gone.wait(PATIENCE_SECONDS)
        with running_service(tmp_path, port=port) as second:
            second.finish(study_id)
            watcher.join()
    assert states[-1] == "completed"


def test_a_service_that_stays_away_is_an_error_after_a_while(tmp_path: Path) -> None:
    interruptions: list[WidthwiseError] = []
    with ExitStack() as stack:
        port = stack.enter_context(kept_port())
        with running_service(tmp_path, port=port) as service:
            client = stack.enter_context(Client(service.address))
            states = follow(
                client,
                client.submit(SHORT)["id"],
                patience_seconds=3.0,
                on_interruption=interruptions.append,
            )
            next(states)
        with pytest.raises(Unreachable):
            list(states)
    assert interruptions


def test_a_study_that_is_not_there_is_refused_at_once(service: RunningService) -> None:
    with Client(service.address) as client, pytest.raises(Refused):
        next(follow(client, "std_nobody"))


class Shown(io.StringIO):
    """Text that tells when it has got to the word `searching`."""

    def __init__(self) -> None:
        super().__init__()
        self.has_searched = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if "searching" in self.getvalue():
            self.has_searched.set()
        return written


@pytest.mark.parametrize("terminal", [True, False])
def test_a_watch_shows_each_state_it_saw_and_the_end(tmp_path: Path, terminal: bool) -> None:
    """The study waits in its search until the watch has seen it there."""
    shown = Shown()
    console = Console(file=shown, force_terminal=terminal, width=100)

    def go_on(service: RunningService, study_id: str) -> None:
        service.finish(study_id, until=StudyState.SEARCHING)
        shown.has_searched.wait(PATIENCE_SECONDS)
        service.finish(study_id, AnalyticEngine(slots=2))

    with running_service(tmp_path) as service, Client(service.address) as client:
        study_id = client.submit(SHORT)["id"]
        worker = threading.Thread(target=go_on, args=(service, study_id))
        worker.start()
        study = watch_study(client, study_id, console)
        worker.join()
    assert study["state"] == "completed"
    assert "searching" in shown.getvalue()
    assert "best train loss" in shown.getvalue()
    assert "completed" in shown.getvalue().splitlines()[-1]
    assert ("\x1b[" in shown.getvalue()) == terminal
