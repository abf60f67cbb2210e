"""A process with an engine that trains for hours, until somebody kills it."""

import sys
from pathlib import Path

from tests.workers.engines.worker_processes import worker_pids
from tests.workers.specs import train_order, training, trial_spec
from workers.engines.local import LocalEngine


def main(folder: str) -> None:
    """Print the workers' process ids once one of them is training."""
    engine = LocalEngine(2, Path(folder))
    steps = 10_000_000
    engine.start(train_order(trial_spec(train=training(steps=steps)), rungs=(1, steps)))
    while not engine.wait(timeout_seconds=60):
        pass
    sys.stdout.write(" ".join(map(str, worker_pids(Path(folder)).values())) + "\n")
    sys.stdout.flush()
    while True:
        engine.wait(timeout_seconds=60)


if __name__ == "__main__":
    main(sys.argv[1])
