"""One slot of the local engine: its worker process, its pipe, and the order it is busy with."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Final

from pydantic import TypeAdapter

import workers
from tuner.engine.orders import AnyOrder, ProbeOrder, TrainOrder
from tuner.engine.reports import Done, Failed, Lost, Reached, Report
from tuner.engine.tracing import handed
from tuner.spec.families.own_task import OwnTask
from tuner.spec.states import StateReason
from workers.device.heartbeat import Heartbeat
from workers.engines.slot_health import SlotHealth, stop_limit_seconds
from workers.engines.standing import awaited_standing
from workers.engines.visible_gpus import FIRST, seeing_only
from workers.slot.process import is_stopped
from workers.slot.worker import WorkerSettings

_REPORTS: Final[TypeAdapter[Reached | Done | Failed | Lost]] = TypeAdapter(Report)
RECENT_ORDERS: Final = 32
_STANDING_SECONDS: Final = 1.0
"""Longest time that a worker's dump of its stack is awaited: the other slots wait meanwhile."""
_REPOSITORY: Final = Path(workers.__file__).parents[1]


@dataclass
class SlotProcess:
    """A place for one order at a time.

    The worker is a program of its own (`python -m workers.slot.worker`), not a `multiprocessing`
    child: those import their parent's main module again, and with it the database and Optuna.
    """

    name: str
    core: int | None
    checkpoint_dir: Path
    memory_limit_bytes: int | None
    device: str = "cpu"
    device_share: float = 1.0
    """Of a GPU's memory: several slots may be on one."""
    accelerator: str = ""  # the owner's name for the kind of device
    dataset_dirs: tuple[str, ...] = ()
    """Directories, and prefixes of URLs, that users' data may be read from."""
    order: AnyOrder | None = None
    code: str | None = None
    """Version of the user's code that the worker has run; None if it has run none."""
    recent: deque[frozenset[tuple[str, int]]] = field(
        default_factory=partial(deque, maxlen=RECENT_ORDERS)
    )
    """Trials of the latest orders, which the worker may still have in memory."""
    connection: "Connection[bytes, bytes] | None" = None
    """None while there is no process."""
    health: SlotHealth = field(default_factory=SlotHealth)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _heartbeat: Heartbeat | None = field(default=None, repr=False)
    _stalls: IO[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """Process id of the worker, if there is one."""
        return self._process.pid if self._process else None

    def holds(self, wanted: frozenset[tuple[str, int]]) -> int:
        """Number of these trials that the worker may have in memory."""
        return len(wanted & frozenset[tuple[str, int]]().union(*self.recent))

    def spawn(self) -> None:
        """Start the worker unless there is one; returns before it is ready to take orders."""
        if self.connection is not None:
            return
        ours, theirs = Pipe(duplex=True)
        beats = tempfile.TemporaryFile()  # noqa: SIM115  closed below, as its memory stays
        stalls = tempfile.TemporaryFile()  # noqa: SIM115  closed when the worker has ended
        Heartbeat.prepare(beats.fileno())
        settings = WorkerSettings(
            slot=self.name,
            connection_fd=theirs.fileno(),
            heartbeat_fd=beats.fileno(),
            stall_fd=stalls.fileno(),
            parent_pid=os.getpid(),
            core=self.core,
            checkpoint_dir=str(self.checkpoint_dir),
            memory_limit_bytes=self.memory_limit_bytes,
            device=self.device if self.device == "cpu" else FIRST,
            device_share=self.device_share,
            accelerator=self.accelerator,
            dataset_dirs=self.dataset_dirs,
        )
        self._process = subprocess.Popen(
            # -P: nothing in the folder we happen to be in may pass for a module.
            [sys.executable, "-P", "-m", "workers.slot.worker", json.dumps(asdict(settings))],
            pass_fds=[theirs.fileno(), beats.fileno(), stalls.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # what users' code prints is nobody's business
            env=worker_environment(self.device, self.checkpoint_dir),
            process_group=0,  # what it starts is ended with it
        )
        theirs.close()  # the worker has the only other end now: its death closes the pipe
        self.connection = ours
        self._heartbeat, self._stalls = Heartbeat(beats.fileno()), stalls
        beats.close()
        self.health.started()

    @property
    def problem(self) -> str | None:
        """Reason, in words, that the slot takes no order now; None if it takes one."""
        return self.health.problem

    def look(self) -> list[Lost]:
        """Replace a worker that has stood still for longer than its pace allows; [Lost] if it did.

        If there is none, and the pause after its failure is over, start one again.
        """
        if self._process is None or self._heartbeat is None:
            if self.health.problem is not None and self.health.may_start:
                self.spawn()
            return []
        if self._heartbeat.has_begun:
            self.health.is_up()
        stood = self.health.stood_seconds(is_stopped(self._process.pid))
        if stood <= stop_limit_seconds(self._heartbeat.longest_seconds):
            return []
        return self._after_death("stands still (SIGSTOP) and was ended")

    def start(self, order: AnyOrder, trace: Mapping[str, str] | None = None) -> None:
        """Send the order; if the worker is dying, the next `receive` says so.

        A worker that has run a user's code runs nothing else afterwards: that code may have changed
        anything in its process.

        Args:
            trace: trace headers of the span that hands the order over; None: of the current span.

        """
        code = code_of(order)
        if self.code not in (None, code):
            self.kill()
        self.spawn()
        assert self.connection is not None
        assert self._heartbeat is not None
        if self._heartbeat.has_begun:
            self.health.is_up()
        self.order, self.code = order, code
        self._heartbeat.expect()
        with suppress(OSError):
            self.connection.send_bytes(handed(order, trace).model_dump_json().encode())

    def receive(self) -> list[Reached | Done | Failed | Lost]:
        """The reports that are there; Lost, and a new worker, if the order's worker died."""
        reports: list[Reached | Done | Failed | Lost] = []
        while self.connection is not None and self.connection.poll():
            try:
                report = _REPORTS.validate_json(self.connection.recv_bytes())
            except (EOFError, OSError):
                return [*reports, *self._after_death()]
            reports.append(report)
            if isinstance(report, Lost):  # it ends by itself: nothing more may be sent to it
                self._gave_up(report)
                return reports
            self.health.works()
            if not isinstance(report, Reached):
                self.recent.append(trials_of(self.order))
                self.order = None
        return reports

    def stalled(self, limit_seconds: float) -> Failed | None:
        """End the order, and the worker, if no step was taken for longer than the limit."""
        if self.order is None or self._heartbeat is None:
            return None
        if self._heartbeat.silent_seconds() <= limit_seconds:
            return None
        order, place = self.order, self._where_it_stands()
        self.kill()
        self.spawn()
        return Failed(
            order_id=order.id,
            attempt=order.attempt,
            reason=StateReason.TIMEOUT,
            message=f"no step was taken for {limit_seconds:g} s{place}: if a step takes as long,"
            " raise WIDTHWISE_STALL_SECONDS",
        )

    def _where_it_stands(self) -> str:
        """Words on the line that the worker stands in, from its dump; empty if none comes."""
        if self._process is None or self._stalls is None:
            return ""
        self._process.send_signal(signal.SIGUSR1)
        file = self._stalls.fileno()
        return awaited_standing(
            lambda: os.pread(file, 100_000, 0).decode(errors="replace"), _STANDING_SECONDS
        )

    def kill(self) -> int:
        """End the worker and what it started, also in the middle of an order.

        Returns the exit status, as `subprocess` gives it.
        """
        self.order, self.code = None, None
        self.recent.clear()
        if self._process is None or self.connection is None:
            return 0
        self.connection.close()
        self.connection = None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        status = self._process.wait()
        self._process = None
        if self._stalls is not None:
            self._stalls.close()
        self._stalls, self._heartbeat = None, None
        return status

    def _gave_up(self, report: Lost) -> None:
        """Replace a worker that has ended its order with a reason of its own."""
        if report.is_of_slot:
            self.health.set_aside(report.message)
        else:
            self.health.died("gave its order up")
        self.kill()
        if self.problem is None:
            self.spawn()

    def _after_death(self, how: str | None = None) -> list[Lost]:
        order = self.order
        if self._heartbeat is not None and self._heartbeat.has_begun:
            self.health.is_up()
        status = self.kill()
        words = how or f"ended with {_status_words(status)}"
        never_up = self.health.died(words)
        if self.problem is None and (order is not None or how is not None):
            self.spawn()  # else with the next order, or when it is time to try again
        if order is None:
            return []
        return [
            Lost(
                order_id=order.id,
                attempt=order.attempt,
                message=f"the worker of slot {self.name} {words}",
                is_of_slot=never_up,
            )
        ]


def code_of(order: AnyOrder) -> str | None:
    """Version of the user's code that an order runs; None for Widthwise's own."""
    if isinstance(order, TrainOrder):
        model = order.trials[0].spec.model
    else:
        model = order.trial.model if isinstance(order, ProbeOrder) else order.model
    return model.family.version if isinstance(model.family, OwnTask) else None


def trials_of(
    order: AnyOrder | None,
) -> frozenset[tuple[str, int]]:
    """Study id and number of every trial of a train order; empty for others."""
    if not isinstance(order, TrainOrder):
        return frozenset()
    return frozenset((order.study_id, trial.spec.number) for trial in order.trials)


def _status_words(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    name = signal.Signals(-status).name
    if name == "SIGKILL":
        return "SIGKILL (killed, or the machine ran out of memory)"
    return name


def worker_environment(device: str = "cpu", folder: Path | None = None) -> dict[str, str]:
    """Environment of a worker: it has these packages, sees its GPU alone, computes on one thread.

    Args:
        folder: parent of the cache of compiled kernels, which workers share; None: torch's own.

    """
    paths = [str(_REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    one_thread |= {"TORCHINDUCTOR_COMPILE_THREADS": "1"}  # else processes that outlive the worker
    kept = {} if folder is None else {"TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled")}
    own = {**one_thread, **seeing_only(device, os.environ)}
    return {**kept, **os.environ, **own, "PYTHONPATH": os.pathsep.join(paths)}
