"""A user's terminal: every action with the time that it took, and all that it printed."""

import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, Literal

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = "packages"
"""Folder below the terminal's own that installed packages are put into."""
_ENDING: Final = 12
"""Lines that are kept of what an action printed last."""
_STATES: Final = ("checking", "searching", "measuring", "completed")
_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 60.0


@dataclass
class Action:
    """One thing that a user does.

    Attributes:
        kind: `edit` of a file, `command`, or `service`: a command that is left running.
        words: its purpose, in a few words.
        typed: the exact command, or the text that is written.
        seconds: until the command ended; of a service, until it took requests; None of an edit.
        cpu_seconds: of the command and of the processes that it waited for.
        printed: lines of both outputs, each with the seconds from the beginning.

    """

    kind: Literal["edit", "command", "service"]
    words: str
    typed: str
    seconds: float | None = None
    cpu_seconds: float | None = None
    printed: list[tuple[float, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that it printed."""
        return "\n".join(line for _, line in self.printed)

    @property
    def entered(self) -> dict[str, float]:
        """Seconds at which a study that it watched was said to be in a state, by state.

        A state that the study was in for less than a second or so may be missing.
        """
        return {
            state: min(times)
            for state in _STATES
            if (times := [at for at, line in self.printed if line.startswith(state)])
        }

    def document(self) -> dict[str, Any]:
        """The action as JSON has it."""
        return {
            "kind": self.kind,
            "words": self.words,
            "typed": self.typed,
            "seconds": _rounded(self.seconds),
            "cpu_seconds": _rounded(self.cpu_seconds),
            "entered": {state: round(seconds, 1) for state, seconds in self.entered.items()},
            "printed_last": [line for _, line in self.printed[-_ENDING:]],
        }


class Terminal:
    """Commands in one folder, which sees this checkout and the packages installed below it.

    Attributes:
        folder: working directory of every command.
        actions: everything that was done, in order.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.actions: list[Action] = []
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        seen = os.pathsep.join(map(str, (ROOT, folder / PACKAGES)))
        settings = {name for name in os.environ if name.startswith("WIDTHWISE_")}
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in settings},
            "WIDTHWISE_CONFIG": os.devnull,
            "PATH": programs,
            "PYTHONPATH": seen,
            "OMP_NUM_THREADS": "1",  # threads of small models wait for each other on a busy machine
            "PYTHONUNBUFFERED": "1",  # lines come when they are printed, as on a terminal
        }

    def edit(self, words: str, typed: str) -> None:
        """Note a change of files that has been made."""
        self.actions.append(Action("edit", words, typed))

    def run(self, words: str, typed: str) -> Action:
        """Run a command to its end.

        Raises:
            RuntimeError: if its exit status is not 0, with all that it printed.

        """
        action = Action("command", words, typed)
        self.actions.append(action)
        begun = time.monotonic()
        process = self._started(typed)
        try:
            _read(process, action, begun)
        except BaseException:  # this process is told to end
            process.terminate()
            process.wait()
            raise
        status = _ended(process, action)
        action.seconds = time.monotonic() - begun
        if status != 0:
            raise RuntimeError(f"{typed} ended with {status}:\n{action.text}")
        return action

    @contextmanager
    def running(self, words: str, typed: str, told: str) -> Iterator[None]:
        """Leave a command running until the block ends, from when it prints `told` on.

        Raises:
            RuntimeError: if it does not print that.

        """
        action = Action("service", words, typed)
        self.actions.append(action)
        ready, begun = Event(), time.monotonic()
        process = self._started(typed)
        reader = Thread(target=_read, args=(process, action, begun, told, ready))
        reader.start()
        try:
            ready.wait(_START_SECONDS)
            if told not in action.text:
                raise RuntimeError(f"{typed} did not start:\n{action.text}")
            action.seconds = time.monotonic() - begun
            yield
        finally:
            process.send_signal(signal.SIGINT)
            reader.join(_STOP_SECONDS)
            if reader.is_alive():
                process.kill()
                reader.join()
            _ended(process, action)

    def _started(self, typed: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            shlex.split(typed),
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def _read(
    process: "subprocess.Popen[str]",
    action: Action,
    begun: float,
    told: str | None = None,
    ready: Event | None = None,
) -> None:
    """Note every line until nothing can print any more; `ready` is set by `told`, or at the end."""
    assert process.stdout is not None, "a pipe"
    with process.stdout as lines:
        for line in lines:
            action.printed.append((time.monotonic() - begun, line.rstrip("\n")))
            if ready is not None and told is not None and told in line:
                ready.set()
    if ready is not None:
        ready.set()


def _ended(process: "subprocess.Popen[str]", action: Action) -> int:
    """Wait for the end, and note the CPU time of the process and of those that it waited for."""
    before = _children_cpu_seconds()
    status = process.wait()
    action.cpu_seconds = _children_cpu_seconds() - before
    return status


def _children_cpu_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
