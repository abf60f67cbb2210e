"""The service of a data directory: register tasks, find it, or start it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from widthwise.address import find_address
from widthwise.cli.up import require_service
from widthwise.client import Client
from widthwise.errors import WidthwiseError

_REGISTRATION: Final = "service.registration"
_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 60.0
"""Longer than the service gives its own processes, which it ends one after the other."""
LOG: Final = "service.log"
"""File in the data directory with the output of a service that was started here."""


def register(task: str, data_dir: Path) -> dict[str, Any]:
    """Describe a task, whose code runs in a process of its own, and register it.

    Raises:
        WidthwiseError: with every reason that it cannot be used, and roles to declare.

    """
    require_service()
    ran = subprocess.run(
        [sys.executable, "-m", _REGISTRATION, f"--data-dir={data_dir}", "--", task],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    try:
        said = json.loads(ran.stdout)
    except ValueError as error:
        raise WidthwiseError(f"describing {task} ended with status {ran.returncode}") from error
    for refused in said["refused"]:
        raise WidthwiseError(refusal(task, refused["problems"], refused["proposals"]))
    found: dict[str, Any] = said["registered"][0]
    return found


def refusal(task: str, problems: list[str], proposals: dict[str, str]) -> str:
    """The message with all problems of a task, and roles that can be pasted into its class."""
    lines = [f"{task} cannot be tuned yet:", *(f"  - {problem}" for problem in problems)]
    if proposals:
        keys = (json.dumps(name, ensure_ascii=False) for name in proposals)
        roles = (f"    {k}: {role}" for k, role in zip(keys, proposals.values(), strict=True))
        lines += [
            "",
            "Shapes and names suggest these roles; paste them into the class and correct them:",
            "",
        ]
        lines += ["from widthwise import Declaration, Role", "", "roles = {", *roles, "}"]
    return "\n".join(lines)


@contextmanager
def service_of(data_dir: Path, slots: int | None, shown: Console) -> Iterator[tuple[Client, bool]]:
    """A client of the service on the directory, and True if the service was started here.

    A service that was started here ends with the block, also when this process is told to end.

    Raises:
        WidthwiseError: if none runs and none can be started.

    """
    if (data_dir / "address").exists():
        with Client(find_address(None, data_dir)) as client:
            if _answers(client):
                yield client, False
                return
    shown.print(f"starting the service; its log: {data_dir / LOG}", soft_wrap=True, highlight=False)
    with _ending_by_exit():
        process = _started(data_dir, slots)
        try:
            with Client(_address_of(process, data_dir)) as client:
                yield client, True
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _ending_by_exit() -> Iterator[None]:
    """Signals that end this process raise SystemExit, so that what it started ends too."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    caught = {number: at for number, at in before.items() if at != signal.SIG_IGN}  # nohup
    for number in caught:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        for number, at in caught.items():
            signal.signal(number, at)


def _started(data_dir: Path, slots: int | None) -> "subprocess.Popen[bytes]":
    require_service()
    data_dir.mkdir(parents=True, exist_ok=True)
    options = [f"--data-dir={data_dir}", "--port=0"]  # the usual one may serve another directory
    options += [f"--slots={slots}"] if slots else []
    with (data_dir / LOG).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "service.up", *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # Ctrl-C reaches this command alone, which then stops it
        )


def _address_of(process: "subprocess.Popen[bytes]", data_dir: Path) -> str:
    """The address that it serves at, as soon as it answers."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = (data_dir / LOG).read_text(errors="replace").strip()
            raise WidthwiseError(f"the service did not start:\n{said[-2_000:]}")
        if (data_dir / "address").exists():
            address = find_address(None, data_dir)
            with Client(address) as client:
                if _answers(client):
                    return address
        time.sleep(0.1)
    raise WidthwiseError(f"the service did not answer; see {data_dir / LOG}")


def _answers(client: Client) -> bool:
    try:
        next(client.study_pages())
    except WidthwiseError:
        return False
    return True
