"""Kill and freeze the service's processes at random moments, and count what that cost.

    python -m benchmarks.chaos --engine ray --database postgresql --faults 200 --seed 1 --json

Two studies run undisturbed first, then at once with faults, again and again until the faults are
spent: every trial and every curve has to be equal. `tuner` is the coordinator that the supervisor
looks after, `standby` one beside it; either may lead. A `node` is a raylet with all that it runs.
A freeze lasts 3 s, which nobody may notice, or 10 to 20 s, after which others have taken over.
`recovery_seconds` is of the clock, from a fault until the API answers and a study has moved after
it, and so contains the freeze and what a trial takes; on a busy machine it says little. A trial of
the other worker is such a move: whether all that was killed has come back is looked at in the end
(`still_broken`).
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.chaos.cost import Struck, cost
from benchmarks.chaos.plan import Fault, kinds_of, plan
from benchmarks.chaos.scene import Scene, staged
from benchmarks.chaos.strikes import strike
from benchmarks.report import command_line, give
from tests.service.outcomes import SPEC, completions, trials_and_curves
from tests.service.processes import command_of
from tests.service.running import wait_for

QUICK_SECONDS: Final = 50.0
"""The quick form's, in all: what is asked for is not all spent then, but one at least."""
RECOVERY_SECONDS: Final = 10.0
"""Kept free in the quick form for the last recovery, and the end of all processes."""
STUDIES: Final = tuple(SPEC | {"seed": seed} for seed in (1, 2))
_QUICK: Final[dict[str, Any]] = {
    "target": {"width": 64},
    "training": {"steps": 24, "batch_size": 32},
    "search": {"trials": 4, "batch_size": 4, "pruner": "none"},
    "measure": {"widths": [16, 24, 32], "grid_points": 5},
    "check": {"widths": [16, 24, 32]},
}
QUICK_STUDIES: Final = tuple(one | _QUICK for one in STUDIES)
PATIENCE_SECONDS: Final = 300.0
"""Studies that do not move for so long are lost."""
ENDING_SECONDS: Final = 15.0
"""In which every process has to have ended once the service is stopped."""
POLL_SECONDS: Final = 0.25
"""Between two looks: each costs the API and the database some milliseconds of CPU time."""


class Run:
    """The faults, and what came of each.

    Args:
        began: when the benchmark did, of the monotonic clock.

    """

    def __init__(self, scene: Scene, given: argparse.Namespace, began: float) -> None:
        self._scene = scene
        self._given = given
        self._began = began
        self._studies = QUICK_STUDIES if given.quick else STUDIES
        self._round_seconds = 0.0
        self.faults, self.recoveries = Counter[str](), list[float]()
        self.ids: list[str] = []
        self.is_lost = False

    def calm(self) -> list[dict[str, Any]]:
        """An undisturbed round; its trials and curves.

        Raises:
            RuntimeError: if its studies do not complete: there is nothing to compare others with.

        """
        started = time.monotonic()
        ids = self._submitted()
        self._ended(ids)
        self._round_seconds = time.monotonic() - started
        _tell(f"an undisturbed round: {self._round_seconds:.1f} s")
        if (states := self.states(ids)) != ["completed"] * len(ids):
            raise RuntimeError(f"the undisturbed studies ended as {', '.join(states)}")
        self._scene.require_sight()
        return self.outcomes(ids)

    def struck(self) -> None:
        """Rounds with faults, until these or the time are spent, or a study is lost."""
        kinds = kinds_of(self._given.engine, self._given.database, quick=self._given.quick)
        faults = plan(kinds, self._given.seed, quick=self._given.quick)
        fault = next(faults)
        while self._goes_on():
            ids = self._submitted()
            self.ids += ids
            while self._goes_on() and self._scene.works(ids):
                if self._strike(fault, ids):
                    fault = next(faults)
            self._ended(ids)

    def states(self, ids: list[str]) -> list[str]:
        """State of each study."""
        return [self._scene.service.study(one)["state"] for one in ids]

    def broken(self) -> list[str]:
        """Parts of the service that do not work again, in words, after some patience."""
        late = time.monotonic() + PATIENCE_SECONDS
        while (found := self._scene.broken()) and time.monotonic() < late:
            self._scene.mend()
            time.sleep(POLL_SECONDS)
        return found

    def outcomes(self, ids: list[str]) -> list[dict[str, Any]]:
        """Trials and curves of each study."""
        return [trials_and_curves(self._scene.service.get, one) for one in ids]

    def _submitted(self) -> list[str]:
        self._scene.rounds += 1
        return [wait_for("the API", partial(self._scene.submit, one)) for one in self._studies]

    def _goes_on(self) -> bool:
        if self.is_lost or self.faults.total() >= self._given.faults:
            return False
        if not self._given.quick or not self.faults:
            return True
        needed = RECOVERY_SECONDS + self._round_seconds
        return time.monotonic() - self._began < QUICK_SECONDS - needed

    def _strike(self, fault: Fault, ids: list[str]) -> bool:
        """Strike and wait for the recovery; False if nothing was struck, or nothing was at work."""
        time.sleep(fault.pause_seconds)
        self._scene.mend()
        if not self._scene.works(ids):
            return False
        began = time.monotonic()
        if not strike(self._scene, fault):
            return False
        self.faults[fault.kind] += 1
        before: int | None = None  # of after the blow: what moved during a freeze is no recovery
        while not self.is_lost:
            self._scene.mend()
            if before is None:
                before = self._scene.progress()
            elif self._has_recovered(before, ids):
                break
            self.is_lost = time.monotonic() - began > PATIENCE_SECONDS
            time.sleep(POLL_SECONDS)
        self.recoveries.append(time.monotonic() - began)
        _tell(f"{fault.kind} ({fault.lasts_seconds:.0f} s): {self.recoveries[-1]:.1f} s")
        return True

    def _has_recovered(self, before: int, ids: list[str]) -> bool:
        if not self._scene.answers():
            return False
        now = self._scene.progress()
        return now is not None and (now > before or not self._scene.works(ids))

    def _ended(self, ids: list[str]) -> None:
        """Wait until these studies have, or do not move any more."""
        newest, moved = 0, time.monotonic()
        while self._scene.works(ids) and not self.is_lost:
            self._scene.mend()
            now = self._scene.progress() or newest
            if now != newest:
                newest, moved = now, time.monotonic()
            self.is_lost = time.monotonic() - moved > PATIENCE_SECONDS
            time.sleep(POLL_SECONDS)


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Run undisturbed, then disturbed, and compare."""
    began = time.monotonic()
    with ExitStack() as stack:
        folder = given.folder
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ww-chaos-")))
        scene = stack.enter_context(staged(folder / "run", given.engine, given.database))
        _tell(f"everything started: {time.monotonic() - began:.1f} s")
        run = Run(scene, given, began)
        expected = run.calm()
        run.struck()
        broken, states, outcomes = run.broken(), run.states(run.ids), run.outcomes(run.ids)
        finished = completions(scene.database)
        ending = time.monotonic()
        scene.end()
        late = time.monotonic() + ENDING_SECONDS
        while (orphans := scene.processes()) and time.monotonic() < late:
            time.sleep(POLL_SECONDS)
        for pid in orphans:
            _tell(f"left behind: {pid} {command_of(pid)}")
        stack.close()
        _tell(f"everything stopped: {time.monotonic() - ending:.1f} s")
    struck = Struck(run.faults, run.recoveries, states, outcomes, finished, broken, len(orphans))
    return cost(given.engine, struck, expected)


def _tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def main() -> None:
    """Print what the faults cost."""
    parser = command_line(__doc__)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="as many faults as 55 s have room for")
    parser.add_argument(
        "--folder", type=Path, help="where to leave data and logs; default: nowhere"
    )
    given = parser.parse_args()
    give(measure(given), given)


if __name__ == "__main__":
    main()
