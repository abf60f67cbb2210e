"""A Ray cluster whose nodes and head die and are replaced while others use it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tests.service.processes import descendants_of, is_gone, is_running, kill
from tests.service.running import wait_for

_ROOT: Final = Path(__file__).parents[2]


class OwnCluster:
    """A head without cores and nodes of one core each, all on this machine.

    It starts while its maker does something else.
    """

    def __init__(self, nodes: int) -> None:
        self._wanted = nodes
        self._raylets: list[int] = []
        # Where heads keep their files: one that is killed removes none.
        self._folder = tempfile.TemporaryDirectory(prefix="ww-")
        self._begin()

    @cached_property
    def address(self) -> str:
        """The head's, as soon as that is there; nodes may still join."""
        return wait_for("the head", self._noted)

    def ready(self) -> None:
        """Wait until every node has joined."""
        self._raylets = self._answer()["raylets"][1:]

    @property
    def nodes(self) -> list[int]:
        """Process ids of the raylets that live, the head's apart."""
        return [pid for pid in self._raylets if is_running(pid)]

    def family_of(self, raylet: int) -> list[int]:
        """A node's processes: its raylet, its actors, their workers."""
        return [raylet, *descendants_of(raylet)]

    def mend(self) -> None:
        """Let a new node join for each that is gone."""
        self._raylets = self.nodes
        while len(self._raylets) < self._wanted:
            self._say("node")
            self._raylets.append(self._answer()["raylet"])

    def kill_head(self) -> None:
        """SIGKILL the head, and its nodes with it; returns once a new one has its address."""
        self._kill_all()
        self._begin(int(self.address.rpartition(":")[2]))
        self.ready()

    def stop(self) -> None:
        """End it, without the seconds that Ray gives its processes: nothing of it is kept."""
        self._kill_all()
        self._folder.cleanup()

    def _begin(self, port: int | None = None) -> None:
        given = [f"--nodes={self._wanted}", "--cores=1", *([f"--port={port}"] if port else [])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workers.engines.ray_nodes", "--watchful", *given],
            cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env=os.environ | {"TMPDIR": self._folder.name},
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._family: set[int] = set()

    def _noted(self) -> str | None:
        """The address that Ray has written for others on this machine."""
        notes = Path(self._folder.name).glob("*/ray/ray_current_cluster")
        return next((text for note in notes if (text := note.read_text())), None)

    def _say(self, words: str) -> None:
        self._stdin.write(f"{words}\n")
        self._stdin.flush()

    def _answer(self) -> Any:  # noqa: ANN401  a JSON document
        answer = json.loads(self._stdout.readline())
        self._family |= set(descendants_of(self._process.pid))
        return answer

    def _kill_all(self) -> None:
        self._family |= set(descendants_of(self._process.pid))
        kill(self._process.pid)
        self._process.wait()
        for pid in filter(is_running, self._family):  # Ray leaves some behind
            kill(pid)
        wait_for("the end of the cluster", lambda: all(map(is_gone, self._family)))
        with suppress(OSError):
            self._stdin.close()
        self._stdout.close()


@contextmanager
def own_cluster(nodes: int) -> Iterator[OwnCluster]:
    """A cluster that ends with the block."""
    cluster = OwnCluster(nodes)
    try:
        yield cluster
    finally:
        cluster.stop()
