"""What the engine reads of a worker's beats."""

import os
import signal
import subprocess
import sys
import tempfile

from workers.device.heartbeat import Heartbeat

READINGS = 300_000
BEATING = """
import sys
from workers.device.heartbeat import Heartbeat

heartbeat = Heartbeat(int(sys.argv[1]))
heartbeat.beat()
print("beating", flush=True)
while True:
    heartbeat.beat()
"""


def test_a_beat_is_never_read_half_written() -> None:
    with tempfile.TemporaryFile() as beats:
        Heartbeat.prepare(beats.fileno())
        heartbeat = Heartbeat(beats.fileno())
        command = [sys.executable, "-c", BEATING, str(beats.fileno())]
        with subprocess.Popen(
            command,
            pass_fds=[beats.fileno()],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        ) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            longest = max(heartbeat.silent_seconds() for _ in range(READINGS))
            worker.send_signal(signal.SIGKILL)
    assert longest < 600, "a worker that beats all the time seemed to hang"


def test_a_worker_that_has_yet_to_start_is_not_silent() -> None:
    with tempfile.TemporaryFile() as beats:
        Heartbeat.prepare(beats.fileno())
        heartbeat = Heartbeat(beats.fileno())
        heartbeat.expect()
        assert heartbeat.silent_seconds() < 0
        heartbeat.beat()
        assert 0 <= heartbeat.silent_seconds() < 600
