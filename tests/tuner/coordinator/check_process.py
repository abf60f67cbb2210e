"""A coordinator in a process of its own that stands still in the middle of a study's check.

    python -m tests.tuner.coordinator.check_process URL STUDY

leads, prints a line once two widths of the check are stored and another one is under way, and waits
to be killed.
"""

import sys
from pathlib import Path

from tests.tuner.analytic_engine import AnalyticEngine
from tuner.coordinator.leadership import leadership
from tuner.coordinator.reconcile import run
from tuner.engine.checkpoints import FileCheckpoints
from tuner.storage.check_progress import check_progress
from tuner.storage.sql.database import open_database


def main(url: str, study_id: str) -> None:
    """Lead until killed."""
    database = open_database(url)

    def stand_still() -> bool:
        with database.read() as session:
            check = check_progress(session, study_id)
        if check.finished < 2 or not check.running:
            return False
        sys.stdout.write(f"{check.finished}\n")
        sys.stdout.flush()
        return not sys.stdin.readline()  # nobody writes to it

    with leadership(url, lambda: False) as held:
        assert held is not None
        run(
            database,
            held,
            lambda leading: AnalyticEngine(slots=2, hidden_growth=1.0),
            stand_still,
            FileCheckpoints(Path(url.removeprefix("sqlite:///")).parent),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
