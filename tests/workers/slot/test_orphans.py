"""A process whose parent was killed ends by itself, also where nobody collects that parent."""

import signal
import subprocess
import sys

from tests.workers.engines.worker_processes import wait_for_death

CHILD = """
import os, time
from workers.slot.process import end_once_orphaned
end_once_orphaned()
print(os.getpid(), flush=True)
time.sleep(600)
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=False)"


def test_a_process_ends_once_orphaned_while_its_parent_is_a_zombie() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)  # collected when the block ends, and not before
        wait_for_death(child)
