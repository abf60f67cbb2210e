"""The whole service on one machine: API and coordinator as supervised child processes.

A child that dies is started again; the listening socket belongs to the supervisor, so requests
wait through a restart of the API instead of being refused. Whatever kills the supervisor takes
the children along.
"""

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from socket import socket
from typing import IO

import structlog

from service.devices import require_gpus
from service.logs import configure_logs
from service.opened import require_keys
from service.pulse import Pulse
from service.registration import register
from service.settings import Settings, settings_or_exit
from service.sockets import listen
from tuner.data_files.places import absolute
from tuner.data_files.remote import is_url, require_prefix
from tuner.records.errors import TunerError
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from widthwise.task_words import TaskRefused

STOP_SECONDS = 10.0
"""A child that takes longer to stop is killed."""
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 10.0
HEALTHY_SECONDS = 30.0
"""A child that ran this long is restarted without delay growing."""

LOOK_SECONDS = 2.0
"""Between two looks at whether the children hang."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

log = structlog.get_logger()


@dataclass
class Child:
    """One supervised process and when it may be started again."""

    name: str
    command: list[str]
    pass_fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pulse: Pulse | None = None
    delay_seconds: float = FIRST_DELAY_SECONDS
    due_at: float = field(default_factory=time.monotonic)

    def look_after(self, environment: dict[str, str]) -> None:
        """Start the process if it is due; note its end if it has ended."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            if now - self.started_at >= HEALTHY_SECONDS:
                self.delay_seconds = FIRST_DELAY_SECONDS
            log.error(
                "child ended; starting it again",
                child=self.name,
                exit_status=self.process.returncode,
                in_seconds=self.delay_seconds,
            )
            self._forget()
            self.due_at = now + self.delay_seconds
            self.delay_seconds = min(2 * self.delay_seconds, LONGEST_DELAY_SECONDS)
        if self.process is None and now >= self.due_at:
            self.started_at = now
            self.pulse = Pulse()
            self.process = subprocess.Popen(
                [*self.command, f"--heartbeat={self.pulse.descriptor}"],
                env=environment,
                pass_fds=(*self.pass_fds, self.pulse.descriptor),
            )

    def end_if_hung(self) -> None:
        """Kill the process if it lives and does nothing; its end is noted like any other."""
        if self.process is None or self.pulse is None or self.process.poll() is not None:
            return
        if words := self.pulse.hung(self.process.pid):
            log.error("child hangs; killing it", child=self.name, problem=words)
            self.process.kill()

    def _forget(self) -> None:
        self.process = None
        if self.pulse is not None:
            self.pulse.close()
            self.pulse = None

    def stop(self) -> None:
        """Ask the process to stop, and kill it if it does not."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                log.error("child did not stop; killing it", child=self.name)
                self.process.kill()
                self.process.wait()
        self._forget()


def main() -> None:
    """Run until SIGINT or SIGTERM; exit status 1 if the service cannot start here."""
    settings, tasks, as_json = _settings_from(sys.argv[1:])
    configure_logs("up")
    try:
        _require_directories(settings.dataset_dirs)
        if settings.engine == "local":
            require_gpus(settings.gpus)
        lock = _claim(settings.data_dir)
        for task in tasks:
            found = register(task, settings.data_dir, settings.stall_seconds)
            log.info("task", name=found.name, source=found.source, version=found.version[:12])
        migrate(settings.url)
        _require_keys(settings)
        listening = listen(settings.host, settings.port)
    except TaskRefused as error:
        sys.exit(f"widthwise up: {error}")
    except (OSError, TunerError, ValueError) as error:
        sys.exit(_cannot_start(settings, error))
    address = _address(listening)
    address_file = note(address, settings.data_dir)
    with suppress(OSError):  # a full disk: the address file says it too
        sys.stdout.write(_told(settings, address, as_json=as_json))
        sys.stdout.flush()
    _supervise(_children(listening), _environment(settings))
    address_file.unlink(missing_ok=True)
    lock.close()


def note(address: str, data_dir: Path) -> Path:
    """The file that clients find the address in: they wait for it, and may not read half of it."""
    file, unfinished = data_dir / "address", data_dir / "address.unfinished"
    unfinished.write_text(f"{address}\n")
    unfinished.replace(file)
    return file


def _told(settings: Settings, address: str, *, as_json: bool) -> str:
    """The service's address, for people or for the program that started it."""
    data_dir = str(settings.data_dir.resolve())
    if as_json:
        service = {"url": address, "data_dir": data_dir, "pid": os.getpid()}
        return json.dumps(service | {"version": version("widthwise")}) + "\n"
    return f"Widthwise is at {address}\ndata in {data_dir}, {_slots(settings)}; Ctrl-C stops it\n"


def _slots(settings: Settings) -> str:
    if settings.engine == "local":
        return f"{settings.places} slots"
    most = f"at most {settings.places} " if settings.gpus or settings.says_slots else ""
    return f"{most}slots on the Ray cluster at {os.environ.get('RAY_ADDRESS', 'this machine')}"


def _settings_from(arguments: list[str]) -> tuple[Settings, list[str], bool]:
    """Settings, the tasks that studies may name, and whether a program reads what is printed."""
    parser = argparse.ArgumentParser(prog="widthwise up", description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument(
        "--dataset-dir",
        action="append",
        dest="dataset_dirs",
        help="a directory, or a prefix such as s3://bucket/data, that studies may name data files"
        " in; may be repeated",
    )
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--engine", choices=("local", "ray"))
    parser.add_argument("--slots", type=int)
    parser.add_argument("--plugin", action="append", default=[], metavar="FILE.py[:Task]")
    parser.add_argument(
        "--json", action="store_true", help="print one line of JSON once requests are taken"
    )
    given = vars(parser.parse_args(arguments))
    tasks: list[str] = given.pop("plugin")
    as_json: bool = given.pop("json")
    return settings_or_exit("widthwise up", **given), tasks, as_json


def _require_directories(directories: Sequence[str]) -> None:
    """Refuse directories of data that are not here, where every process would look for them.

    Raises:
        ValueError: if one is not, or a prefix of URLs cannot be used.
    """
    for one in directories:
        if is_url(one):
            require_prefix(one)
        elif not Path(one).is_dir():
            raise ValueError(
                f"--dataset-dir {one} is no directory: correct it, or leave it out"
                " (WIDTHWISE_DATASET_DIRS)"
            )


def _require_keys(settings: Settings) -> None:
    database = open_database(settings.url)
    try:
        require_keys(database, settings.host, keyless=settings.keyless)
    finally:
        database.close()


def _claim(data_dir: Path) -> IO[str]:
    """Take the data directory for this process; the lock goes with it.

    Raises:
        OSError: if the directory cannot be written, or another service has it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = (data_dir / "up.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(
            f"another service runs on {data_dir.resolve()}; stop it, or name another directory"
            " with --data-dir"
        ) from None
    return lock


def _cannot_start(settings: Settings, error: Exception) -> str:
    remedy = ""
    if isinstance(error, OSError) and error.errno is not None:
        remedy = (
            f"\nwidthwise up: needs a data directory it can write (--data-dir, now"
            f" {settings.data_dir.resolve()}) and a free address (--host, --port, now"
            f" {settings.host}:{settings.port})"
        )
    return f"widthwise up: {error}{remedy}"


def _address(listening: socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _environment(settings: Settings) -> dict[str, str]:
    chosen = {
        "WIDTHWISE_DATA_DIR": str(settings.data_dir.resolve()),
        "WIDTHWISE_DATASET_DIRS": json.dumps(absolute(settings.dataset_dirs)),
        "WIDTHWISE_HOST": settings.host,
        "WIDTHWISE_ENGINE": settings.engine,
    }
    if settings.says_slots:
        chosen["WIDTHWISE_SLOTS"] = str(settings.slots)
    return os.environ | chosen


def _children(listening: socket) -> tuple[Child, ...]:
    parent = f"--parent={os.getpid()}"
    descriptor = listening.fileno()
    return (
        Child(
            "api",
            [sys.executable, "-m", "service.api", parent, f"--socket={descriptor}"],
            pass_fds=(descriptor,),
        ),
        Child("tuner", [sys.executable, "-m", "service.tuner", parent]),
    )


def _supervise(children: tuple[Child, ...], environment: dict[str, str]) -> None:
    # Blocked, signals wait to be fetched: none is lost between looking and sleeping.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        while True:
            for child in children:
                child.end_if_hung()
                child.look_after(environment)
            pending = [child.due_at - time.monotonic() for child in children if not child.process]
            timeout = max(0.0, min([LOOK_SECONDS, *pending]))
            received = signal.sigtimedwait(_SIGNALS, timeout)
            if received is not None and received.si_signo != signal.SIGCHLD:
                return
    finally:
        for child in reversed(children):  # the coordinator first: it ends its workers
            child.stop()


if __name__ == "__main__":
    main()
