"""Register users' tasks with a data directory, so that studies can name them.

`python -m service.registration [--data-dir DIR] FILE.py[:Task] ...` describes each in a process of
its own and writes what it found, as JSON, to stdout. A service that runs on the directory learns of
it at once.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO, Any, Final

from service.settings import settings_or_exit
from tuner.spec.families.registered_tasks import Registration, is_task_name
from tuner.spec.families.registry import FAMILIES
from widthwise.task_source import TaskSource
from widthwise.task_words import TaskRefused
from workers.engines.slot_process import worker_environment
from workers.engines.standing import awaited_standing
from workers.slot.describe_task import STANDING

REFUSED: Final = 3
"""Exit status where a task cannot be used; its reasons are in the answer."""
_SHOWN_BYTES: Final = 4_000
_LAST_WORDS_SECONDS: Final = 2.0
_ASKED_SECONDS: Final = 10.0
"""Time limit of a process to report the line that it is at."""


def register(text: str, data_dir: Path, timeout_seconds: float) -> Registration:
    """Describe a task and write its registration.

    Args:
        text: `FILE.py` or `FILE.py:Class`.
        timeout_seconds: that importing and trying its code may take.

    Raises:
        TaskRefused: if it cannot be used, with every reason.

    """
    source = TaskSource.parse(text)
    found = _described(source, timeout_seconds)
    if found.name in FAMILIES or not is_task_name(found.name):
        raise TaskRefused(
            f"{source.path.name}: {found.name!r} cannot be a task's name (it is a family's, or not"
            " made of lower-case letters, digits, - and _): give the class another `name`"
        )
    path = data_dir / "tasks" / f"{found.name}.json"
    if path.exists():
        _require_same_file(found, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(found.model_dump_json(indent=1) + "\n")
    unfinished.replace(path)
    return found


def _require_same_file(found: Registration, path: Path) -> None:
    try:
        before = Registration.model_validate_json(path.read_bytes(), extra="ignore")
    except ValueError:  # of another release: written anew
        return
    if before.source != found.source and before.files and before.files[0].exists():
        raise TaskRefused(
            f"{before.source} is registered as {found.name} already: give the class of"
            f" {found.source} a `name` of its own, or delete {path}"
        )


def _described(source: TaskSource, timeout_seconds: float) -> Registration:
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "workers.slot.describe_task"),
                *(source.text, str(answer), str(os.getpid())),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=worker_environment(),
            start_new_session=True,
        )
        written = Written(process)
        try:
            status = process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            stands = where_it_stands(process, answer.with_suffix(STANDING))
            raise TaskRefused(
                f"describing {source.path.name} took more than {timeout_seconds:g} s: what trains"
                " when the file is imported belongs under `if __name__ == '__main__':`"
                f" (WIDTHWISE_STALL_SECONDS says how long it may take){stands}"
            ) from None
        finally:
            _end_group(process)
            written.show()
        if not answer.exists():
            raise TaskRefused(
                f"describing {source.path.name} ended its process (exit status {status}): see what"
                " it wrote above"
            )
        said: dict[str, Any] = json.loads(answer.read_text())
    if "problems" in said:
        raise TaskRefused(*said["problems"], proposals=said["proposals"])
    return Registration.model_validate(said["registration"])


class Written:
    """A process's stderr, of which the last part is kept."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stderr is not None, "a pipe"
        self._pipe: IO[bytes] = process.stderr
        self._end, self._all = b"", 0
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._pipe:
            while piece := os.read(self._pipe.fileno(), 65_536):
                self._all += len(piece)
                self._end = (self._end + piece)[-_SHOWN_BYTES:]

    def show(self) -> None:
        """Write its end, once the process has ended; a process of its own session may go on."""
        self._reader.join(_LAST_WORDS_SECONDS)
        if self._all > len(self._end):
            sys.stderr.write(f"[the last {len(self._end)} of {self._all} bytes that it wrote]\n")
        sys.stderr.write(self._end.decode(errors="replace"))


def where_it_stands(process: "subprocess.Popen[bytes]", path: Path) -> str:
    """The line of the user's file that the process is at, as it says itself when it is asked."""
    if not path.exists():  # it is not far enough to be asked
        return ""
    process.send_signal(signal.SIGUSR1)
    return awaited_standing(lambda: path.read_text(errors="replace"), _ASKED_SECONDS)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """Whatever the code started ends with it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> None:
    """Register each; exit status 3 if one is refused."""
    parser = argparse.ArgumentParser(prog="python -m service.registration", description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("tasks", nargs="+", metavar="FILE.py[:Task]")
    arguments = parser.parse_args()
    settings = settings_or_exit("service.registration")
    data_dir = arguments.data_dir or settings.data_dir
    registered, refused = [], []
    for text in arguments.tasks:
        try:
            found = register(text, data_dir, settings.stall_seconds)
            registered.append(found.model_dump(mode="json"))
        except TaskRefused as error:
            refused.append({"task": text, "problems": error.problems, "proposals": error.proposals})
    sys.stdout.write(json.dumps({"registered": registered, "refused": refused}) + "\n")
    sys.exit(REFUSED if refused else 0)


if __name__ == "__main__":
    main()
