"""The whole service as a user runs it: `widthwise up` in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.patience import PATIENCE_SECONDS
from tests.service.processes import children_of, command_of, descendants_of, is_running, kill

T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T | None]) -> T:
    """The probe's first answer that is not None or False.

    Raises:
        TimeoutError: if there is none within the deadline.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = probe()
        if answer is not None and answer is not False:
            return answer
        time.sleep(0.1)
    raise TimeoutError(f"{what} took longer than {PATIENCE_SECONDS:.0f} s")


class RunningService:
    """`widthwise up` on one data directory; may be killed and started again."""

    def __init__(self, data_dir: Path, slots: int = 2, **environment: str) -> None:
        self.data_dir = data_dir
        self._slots = slots
        self._environment = environment
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self.start()

    def start(self) -> None:
        """Start it; returns once it answers."""
        (self.data_dir / "address").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service.up", "--port=0", f"--data-dir={self.data_dir}",
                 f"--slots={self._slots}"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=os.environ | self._environment | {"OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        self.address = wait_for("the address file", self._read_address)
        self.http = httpx.Client(base_url=self.address, timeout=PATIENCE_SECONDS)
        self.answers()

    def answers(self) -> None:
        """Wait until the API answers."""
        wait_for("the API", self._is_healthy)

    def submit(self, spec: dict[str, Any]) -> str:
        """Submit a study; its id."""
        response = self.http.post("/v1/studies", json=spec)
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def study(self, study_id: str) -> dict[str, Any]:
        """The study as the API shows it; waits through a restart of the API."""
        study: dict[str, Any] = self.get(f"/v1/studies/{study_id}")
        return study

    def get(self, path: str) -> Any:  # noqa: ANN401  a JSON document
        """GET a JSON document; waits through a restart of the API."""

        def attempt() -> Any:  # noqa: ANN401
            try:
                response = self.http.get(path)
            except httpx.TransportError:
                return None
            assert response.status_code == 200, response.text
            return response.json()

        return wait_for(path, attempt)

    def finished(self, study_id: str) -> dict[str, Any]:
        """Wait for the study's end; the study."""

        def ended() -> dict[str, Any] | None:
            study = self.study(study_id)
            return study if study["state"] in ("completed", "failed", "cancelled") else None

        return wait_for(f"study {study_id}", ended)

    def child(self, module: str) -> int | None:
        """Process id of the child that runs a module (`service.tuner`)."""
        children = children_of(self.process.pid)
        return next((pid for pid in children if module in command_of(pid)), None)

    def workers(self) -> list[int]:
        """Process ids of the slots."""
        tuner = self.child("service.tuner")
        return (
            [pid for pid in children_of(tuner) if "workers.slot.worker" in command_of(pid)]
            if tuner
            else []
        )

    def kill_tree(self) -> None:
        """SIGKILL the supervisor alone; everything else must follow it by itself."""
        family = descendants_of(self.process.pid)
        kill(self.process.pid)
        self.process.wait()
        self.http.close()
        wait_for("the end of every child", lambda: not any(is_running(pid) for pid in family))

    def stop(self) -> int:
        """Ctrl-C; waits for the end of every process. The exit status."""
        family = descendants_of(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(PATIENCE_SECONDS)
        self.http.close()
        wait_for("the end of every child", lambda: not any(is_running(pid) for pid in family))
        return self.process.returncode

    def _read_address(self) -> str | None:
        if self.process.poll() is not None:
            raise RuntimeError(f"the service ended: {self.log.read_text()}")
        try:
            return (self.data_dir / "address").read_text().strip() or None
        except OSError:
            return None

    def _is_healthy(self) -> bool:
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False
