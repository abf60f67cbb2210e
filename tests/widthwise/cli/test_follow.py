"""Watching a study that moves while the service comes and goes."""

import io
import threading
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from rich.console import Console

from tests.tuner.analytic_engine import AnalyticEngine
from tests.widthwise.conftest import SPEC
from tests.widthwise.running import RunningService, running_service
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
            for study in follow(client, study_id, on_interruption=lambda _: gone.set()):
                states.append(study["state"])
                answered.set()

    with running_service(tmp_path) as first:
        with Client(first.address) as client:
            study_id = client.submit(SHORT)["id"]
        watcher = threading.Thread(target=watch, args=(first.address, study_id))
        watcher.start()
        assert answered.wait(timeout=20)  # only a service that was there is waited for
        port = urlsplit(first.address).port
    assert port is not None
    assert gone.wait(timeout=20)
    with running_service(tmp_path, port=port) as second:
        second.finish(study_id)
        watcher.join()
    assert states[-1] == "completed"


def test_a_service_that_stays_away_is_an_error_after_a_while(tmp_path: Path) -> None:
    interruptions: list[WidthwiseError] = []
    with ExitStack() as stack:
        with running_service(tmp_path) as service:
            client = stack.enter_context(Client(service.address))
            states = follow(
                client,
                client.submit(SHORT)["id"],
                patience_seconds=0.5,
                on_interruption=interruptions.append,
            )
            next(states)
        with pytest.raises(Unreachable):
            list(states)
    assert interruptions


def test_a_study_that_is_not_there_is_refused_at_once(service: RunningService) -> None:
    with Client(service.address) as client, pytest.raises(Refused):
        next(follow(client, "std_nobody"))


@pytest.mark.parametrize("terminal", [True, False])
def test_a_watch_shows_each_state_it_saw_and_the_end(tmp_path: Path, terminal: bool) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=100)
    with running_service(tmp_path) as service, Client(service.address) as client:
        study_id = client.submit(SHORT)["id"]
        worker = threading.Thread(target=service.finish, args=(study_id, AnalyticEngine(slots=2)))
        worker.start()
        study = watch_study(client, study_id, console)
        worker.join()
    assert study["state"] == "completed"
    assert "searching" in shown.getvalue()
    assert "best train loss" in shown.getvalue()
    assert "completed" in shown.getvalue().splitlines()[-1]
    assert ("\x1b[" in shown.getvalue()) == terminal
