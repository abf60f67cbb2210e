"""Coordinators beside the service's own, and processes that stand still for a while."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.service.processes import descendants_of, is_running, kill, send
from tests.service.running import wait_for


class Tuner:
    """A coordinator's process of its own; it stands by while another leads.

    Args:
        folder: for its log; made here.
        data: the data directory; its own if None.
        environment: more of it.

    """

    def __init__(
        self, folder: Path, url: str, data: Path | None = None, **environment: str
    ) -> None:
        folder.mkdir(parents=True)
        self.log = folder / "log"
        self._alive = folder / "alive"
        self._environment = {
            "WIDTHWISE_DATABASE_URL": url,
            "WIDTHWISE_SLOTS": "1",
            "WIDTHWISE_DATA_DIR": str(data or folder / "data"),
            **environment,
        }
        self.start()

    def start(self) -> None:
        """Start it, once more if it has ended."""
        self._alive.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service.tuner", f"--alive={self._alive}"],
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def turns(self) -> bool:
        """True if it leads or stands by, and has come so far since it was last started."""
        return self.process.poll() is None and self._alive.exists()

    def leads(self) -> None:
        """Wait until it does."""
        wait_for("leadership", lambda: "leading" in self.log.read_text())

    def end(self) -> None:
        """Kill it, and its slots with it."""
        family = [self.process.pid, *descendants_of(self.process.pid)]
        kill(self.process.pid)
        self.process.wait()
        wait_for("the end of its slots", lambda: not any(is_running(pid) for pid in family))


def freeze_for(pids: Iterable[int], seconds: float) -> None:
    """Stop processes and let them go on."""
    frozen = list(pids)
    for pid in frozen:
        send(signal.SIGSTOP, pid)
    time.sleep(seconds)
    for pid in frozen:
        send(signal.SIGCONT, pid)
