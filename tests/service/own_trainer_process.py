"""A trainer of a user's own, as a process that tests kill: `ADDRESS STUDY WORKER`.

It trains for a while at every update, so that there is time to strike.
"""

import sys
import time

from tests.tuner.own_trainer import losses
from widthwise.client import Client

PAUSE_SECONDS = 0.01
TTL_SECONDS = 20
"""Longer than a trainer or the API waits for a core, or the trials of one that lives are lost too:
a study whose trials were all lost fails."""


def main() -> None:
    """Train until the study has ended."""
    address, study, worker = sys.argv[1:]
    with Client(address) as client:
        for trial in client.trials(study, worker=worker, ttl_seconds=TTL_SECONDS):
            for step, loss in enumerate(losses(trial.document), start=1):
                time.sleep(PAUSE_SECONDS)
                value = float("nan") if loss is None else loss
                if step > trial.start_step and trial.report(step, value) == "stop":
                    break


if __name__ == "__main__":
    main()
