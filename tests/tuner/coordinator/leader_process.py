"""A coordinator's leadership in a process of its own, to be killed or frozen by a test.

    python -m tests.tuner.coordinator.leader_process URL IDLE_TIMEOUT_SECONDS

prints its epoch once it leads, then answers every line that it reads with what became of a write.
"""

import select
import sys
from contextlib import suppress

from tuner.coordinator.leadership import begin_epoch, leadership
from tuner.records.errors import LeadershipLost
from tuner.storage.heartbeats import beat
from tuner.storage.sql.database import open_database


def main(url: str, idle_timeout: str) -> None:
    """Lead until killed."""
    seconds = float(idle_timeout)
    with leadership(url, lambda: False, idle_timeout_seconds=seconds) as held:
        assert held is not None
        database = begin_epoch(held, open_database(url))
        _say(f"epoch {database.epoch}")
        while True:
            asked, _, _ = select.select([sys.stdin], [], [], min(1.0, seconds / 4))
            if not asked:
                with suppress(LeadershipLost):  # then the write below is to be refused
                    held.renew()
                continue
            if not sys.stdin.readline():
                return
            try:
                with database.write() as session:
                    beat(session, "child", "coordinator", None, None)
                _say("written")
            except LeadershipLost as error:
                _say(f"lost: {error}")


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
