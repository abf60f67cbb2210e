"""Set up a process of the service: tied to its parent, pinned to a core, torch on one thread."""

import ctypes
import gc
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

DEAD_CONTEXT_STATUS: Final = 70  # EX_SOFTWARE of sysexits.h
"""Of a worker that ends because its GPU can do nothing more for it."""
NICENESS: Final = 10
"""Of workers on cores: a tenth of a core's time beside a process that wants all of it."""
PR_SET_PDEATHSIG = 1  # linux/prctl.h
YOUNG_OBJECTS: Final = 10_000
"""Between two collections of the youngest: as many as the requests make that are under way, which
the usual 700 have looked through again and again."""
_ORPHAN_SECONDS: Final = 0.5
"""Between two looks at who the parent is."""
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
UNFUSED_NORM: Final = "Mismatch dtype between input and weight"
_KEPT_BYTES = 2**30  # free memory at the end of the heap; glibc takes a C int


def follow_parent_into_death(parent_pid: int) -> None:
    """Have the kernel kill this process when the thread that started it ends.

    Elsewhere than on Linux the end of the parent's pipe alone tells (`workers.slot.worker`).
    """
    if sys.platform == "linux":
        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent_pid:  # it died before the call: no signal will come
            os._exit(1)


def end_once_orphaned() -> None:
    """End this process within a second of its parent's end.

    For a process that others start, in a thread of theirs that may end before they do: the kernel's
    signal would come too early.
    """
    parent_pid = os.getppid()

    def watch() -> None:
        while os.getppid() == parent_pid:
            time.sleep(_ORPHAN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def is_stopped(pid: int) -> bool:
    """True if the process is stopped (SIGSTOP, a debugger, a freezer).

    False where the system does not say.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in ("T", "t")


def pin(core: int | None) -> None:
    """Stay on one core; None where the system cannot pin."""
    if sys.platform == "linux" and core is not None:
        os.sched_setaffinity(0, {core})


def give_way() -> None:
    """Let other processes go first: pages and answers are waited for, a trial is not.

    For slots that compute on cores: a thread that feeds a GPU leaves it idle while it waits.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)


def available_cores() -> tuple[int | None, ...]:
    """The cores this process may use; (None,) where the system does not say."""
    if sys.platform == "linux":
        return tuple(sorted(os.sched_getaffinity(0)))
    return (None,)


@contextmanager
def loading() -> Iterator[None]:
    """Load modules, whose objects stay, without looking for garbage among them, then or later.

    Of torch and its compiler there are a million: with collections their loading takes a quarter
    longer.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def keep_loaded() -> None:
    """Take everything that is there for what stays: collections look at what comes later alone.

    Of the API's routes, schemas and tables there are half a million objects: looking through them
    holds all answers up for more than a tenth of a second, and does so every second under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def settle_torch() -> None:
    """One thread, and no denormal numbers: a few of them make a step 15 times slower.

    Torch says once a process that a norm of bfloat16 activations with an fp32 gain has no fused
    kernel: its result is right, so the warning is dropped.
    """
    import torch

    from workers.device.arithmetic import settle_arithmetic

    warnings.filterwarnings("ignore", UNFUSED_NORM)
    settle_arithmetic()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Have malloc take large tensors from memory that it keeps, instead of mapping them anew.

    glibc maps everything from 32 MiB on afresh and unmaps it when freed: a large cohort's step
    then spends its time in a hundred thousand page faults.
    """
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt"):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
