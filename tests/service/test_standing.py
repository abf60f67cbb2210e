"""A task that hangs is refused with the line of its own code at which it waits."""

import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from service import registration
from service.registration import where_it_stands
from tests.patience import PATIENCE_SECONDS
from workers.engines.standing import awaited_standing, standing

TRAIN = """
import faulthandler, signal, socket, sys, threading

faulthandler.register(signal.SIGUSR1, file=open(sys.argv[1], "w"))


def elsewhere(): threading.Event().wait()


def loss(stream):
    return print("ready", flush=True) or stream.makefile().readline()


threading.Thread(target=elsewhere, daemon=True).start()
one, other = socket.socketpair()
loss(one)
"""
OWN = (
    '  File "/srv/mine/train.py", line 7 in loss\n  File "/srv/mine/train.py", line 9 in <module>\n'
)
LIBRARY = '  File "/usr/lib/python3.11/socket.py", line 706 in readinto\n'
TORCH = '  File "/venv/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1 in call\n'
OURS = '  File "/x/workers/slot/worker.py", line 80 in run\n'
THREAD = "Thread 0x1 (most recent call first):\n"


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[tuple["Popen[bytes]", Path]]:
    """A process that waits inside a library that its file has called, and where it dumps."""
    (tmp_path / "train.py").write_text(TRAIN)
    dump = tmp_path / "answer.standing"
    command = [sys.executable, str(tmp_path / "train.py"), str(dump)]
    with Popen(command, stdout=PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process, dump
        process.kill()


def test_a_process_that_hangs_in_a_library_names_the_line_that_called_it(
    hanging: tuple["Popen[bytes]", Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "_ASKED_SECONDS", PATIENCE_SECONDS)
    line = 1 + next(at for at, one in enumerate(TRAIN.splitlines()) if "readline" in one)
    assert where_it_stands(*hanging) == f"; it stands in train.py, line {line}, in loss"


def test_a_process_that_cannot_be_asked_yet_is_left_alone(
    hanging: tuple["Popen[bytes]", Path], tmp_path: Path
) -> None:
    process, _ = hanging
    assert where_it_stands(process, tmp_path / "none") == ""
    assert process.poll() is None


@pytest.mark.parametrize(
    ("dump", "words"),
    [
        (THREAD + LIBRARY + TORCH + OWN + OURS, "; it stands in train.py, line 7, in loss"),
        (THREAD + OWN + "\n" + THREAD + LIBRARY + OURS, "; it stands in socket.py, line 706, in"),
        (THREAD + OURS, "; it stands in worker.py, line 80, in run"),
        ("", ""),
        ("no dump at all", ""),
    ],
    ids=["in a library", "another thread", "no line of the user's", "empty", "no dump"],
)
def test_of_a_dump_the_main_threads_own_line_is_said(dump: str, words: str) -> None:
    assert standing(dump).startswith(words)
    assert bool(standing(dump)) is bool(words)


def test_a_dump_is_read_when_it_no_longer_grows() -> None:
    whole = THREAD + LIBRARY + OWN
    half = THREAD + LIBRARY  # whoever writes it waits for a core
    parts = iter(["", THREAD, half, half, whole, whole])
    words = awaited_standing(lambda: next(parts), PATIENCE_SECONDS)
    assert words == "; it stands in train.py, line 7, in loss"
    assert awaited_standing(lambda: "", 0.0) == ""
