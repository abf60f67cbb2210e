"""Kill and freeze the service's processes at random moments, and count what that cost.

    python -m benchmarks.chaos --engine local --database postgresql --faults 200 --seed 1 --json

Two studies run at once, again and again until the faults are spent, and are compared with an
undisturbed run of the same two: every trial and every curve has to be equal. `recovery_seconds` is
of the clock, from a fault until the next event of a study is stored after it, and so contains what
a trial takes; on a busy machine it says little.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select

from benchmarks.report import command_line, give
from tests.service.own_postgres import OwnPostgres, own_postgres
from tests.service.processes import descendants_of, is_gone, is_running, kill
from tests.service.running import RunningService, wait_for
from tests.service.strikes import Tuner, freeze_for
from tests.service.test_crash import SPEC, completions, differences, trials_and_curves
from tuner.records.errors import StorageUnavailable
from tuner.storage.sql.database import Database, open_database
from tuner.storage.sql.tables import StudyEventRow

QUICK_SECONDS: Final = 40.0
"""Of faults, in the quick form; what is asked for is not all spent then."""
FROZEN_SECONDS: Final = 4.0
PAUSE_SECONDS: Final = 1.5
"""Most between a recovery and the next fault."""
STUDIES: Final = tuple(SPEC | {"seed": seed} for seed in (1, 2))
_QUICK: Final[dict[str, Any]] = {
    "target": {"width": 64},
    "training": {"steps": 24, "batch_size": 32},
    "search": {"trials": 4, "batch_size": 4},
    "measure": {"widths": [16, 24, 32], "grid_points": 5},
    "check": {"widths": [16, 24, 32]},
}
QUICK_STUDIES: Final = tuple(one | _QUICK for one in STUDIES)
END_SECONDS: Final = 900.0
"""Most that two studies may take to end; one that takes longer is lost."""


class Scene(NamedTuple):
    """Everything that can be struck."""

    service: RunningService
    database: Database
    postgres: OwnPostgres | None
    standby: Tuner | None


Strike = Callable[[Scene], bool]
"""Strikes; False if there was nothing to strike at that moment."""


def _worker(scene: Scene) -> list[int]:
    return scene.service.workers()[:1]


def _child(module: str, scene: Scene) -> list[int]:
    found = scene.service.child(module)
    return [] if found is None else [found]


def _kill(pids: Callable[[Scene], list[int]], scene: Scene) -> bool:
    struck = pids(scene)
    for pid in struck:
        kill(pid)
        wait_for("its end", partial(is_gone, pid))
    return bool(struck)


def _freeze(pids: Callable[[Scene], list[int]], scene: Scene) -> bool:
    struck = pids(scene)
    freeze_for(struck, FROZEN_SECONDS)
    return bool(struck)


def _kill_postgres(scene: Scene) -> bool:
    assert scene.postgres is not None
    scene.postgres.kill()
    scene.postgres.start()
    return True


def _freeze_postgres(scene: Scene) -> bool:
    assert scene.postgres is not None
    scene.postgres.freeze()
    time.sleep(FROZEN_SECONDS)
    scene.postgres.thaw()
    return True


def _kill_standby(scene: Scene) -> bool:
    assert scene.standby is not None
    scene.standby.end()
    scene.standby.start()
    return True


_PROCESSES: Final[dict[str, Callable[[Scene], list[int]]]] = {
    "worker": _worker,
    "tuner": partial(_child, "service.tuner"),
    "api": partial(_child, "service.api"),
}
ANYWHERE: Final[dict[str, Strike]] = {
    f"{name} {how}": partial(strike, pids)
    for name, pids in _PROCESSES.items()
    for how, strike in (("killed", _kill), ("frozen", _freeze))
}
ON_POSTGRESQL: Final[dict[str, Strike]] = {
    "postgresql killed": _kill_postgres,
    "postgresql frozen": _freeze_postgres,
    "standby killed": _kill_standby,
}


@contextmanager
def staged(folder: Path, database: str) -> Iterator[Scene]:
    """A service of two slots over a database of that kind; a standby where there can be one."""
    with ExitStack() as stack:
        postgres = stack.enter_context(own_postgres()) if database == "postgresql" else None
        folder.mkdir()
        data = folder / "data"
        url = postgres.url if postgres else f"sqlite:///{data / 'widthwise.db'}"
        service = RunningService(data, WIDTHWISE_DATABASE_URL=url)
        stack.callback(service.stop)
        opened = open_database(url)
        stack.callback(opened.close)
        standby = None
        if postgres is not None:
            standby = Tuner(folder / "standby", url, data)
            stack.callback(standby.end)
        yield Scene(service, opened, postgres, standby)


def outcomes(scene: Scene, ids: list[str]) -> list[dict[str, Any]]:
    """Trials and curves of each study."""
    return [trials_and_curves(scene.service, one) for one in ids]


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Run undisturbed, then disturbed, and compare."""
    studies = QUICK_STUDIES if given.quick else STUDIES
    with tempfile.TemporaryDirectory(prefix="ww-chaos-") as text:
        folder = Path(text)
        with staged(folder / "calm", given.database) as scene:
            ids = [scene.service.submit(one) for one in studies]
            _ended(scene, ids)
            expected = outcomes(scene, ids)
        with staged(folder / "struck", given.database) as scene:
            told = _struck(scene, given, studies, expected)
            family = descendants_of(scene.service.process.pid)
        orphans = [pid for pid in family if is_running(pid)]
    return {"engine": given.engine, "database": given.database, **told, "orphans": len(orphans)}


def _struck(
    scene: Scene,
    given: argparse.Namespace,
    studies: tuple[dict[str, Any], ...],
    expected: list[dict[str, Any]],
) -> dict[str, Any]:
    strikes = ANYWHERE | (ON_POSTGRESQL if scene.postgres else {})
    draw, struck, recoveries = random.Random(given.seed), Counter[str](), list[float]()
    ends = time.monotonic() + (QUICK_SECONDS if given.quick else float("inf"))
    rounds: list[list[str]] = []
    while struck.total() < given.faults and time.monotonic() < ends:
        ids = [scene.service.submit(one) for one in studies]
        rounds.append(ids)
        while struck.total() < given.faults and time.monotonic() < ends and _run(scene, ids):
            time.sleep(draw.uniform(0, PAUSE_SECONDS))
            kind = draw.choice(sorted(strikes))
            seconds = _recovered(scene, strikes[kind], ids)
            if seconds is not None:
                struck[kind] += 1
                recoveries.append(seconds)
        _ended(scene, ids)
    return {"faults": dict(sorted(struck.items())), "studies": 2 * len(rounds)} | _cost(
        scene, rounds, expected, recoveries
    )


def _recovered(scene: Scene, strike: Strike, ids: list[str]) -> float | None:
    """Strike; seconds until a study moves again, None if there was nothing to strike."""
    before, began = _newest_event(scene.database), time.monotonic()
    if not strike(scene):
        return None
    moved = partial(_moved, scene, ids, before)
    wait_for("an event", moved)
    return time.monotonic() - began


def _moved(scene: Scene, ids: list[str], before: int) -> bool:
    return _newest_event(scene.database) > before or not _run(scene, ids)


def _ended(scene: Scene, ids: list[str]) -> None:
    """Wait until both have ended, for as long as that may take."""
    late = time.monotonic() + END_SECONDS
    while _run(scene, ids) and time.monotonic() < late:
        time.sleep(0.1)


def _run(scene: Scene, ids: list[str]) -> bool:
    over = ("completed", "failed", "cancelled")
    return any(scene.service.study(one)["state"] not in over for one in ids)


def _newest_event(database: Database) -> int:
    def ask() -> int | None:
        try:
            with database.read() as session:
                return session.scalars(select(func.max(StudyEventRow.id))).one()
        except StorageUnavailable:
            return None

    return wait_for("the database", ask)


def _cost(
    scene: Scene,
    rounds: list[list[str]],
    expected: list[dict[str, Any]],
    recoveries: list[float],
) -> dict[str, Any]:
    states = [scene.service.study(one)["state"] for ids in rounds for one in ids]
    pairs = [pair for ids in rounds for pair in zip(outcomes(scene, ids), expected, strict=True)]
    unlike = [differences(found, wanted) for found, wanted in pairs]
    finished = completions(scene.database)
    return {
        "lost_studies": sum(state != "completed" for state in states),
        "lost_trials": sum(
            len(wanted["trials"].keys() - found["trials"].keys()) for found, wanted in pairs
        ),
        "repeated_finished_trials": len(finished) - len(set(finished)),
        "curve_mismatches": sum(map(len, unlike)),
        "recovery_seconds": {
            "median": round(statistics.median(recoveries), 2) if recoveries else None,
            "max": round(max(recoveries), 2) if recoveries else None,
        },
    }


def main() -> None:
    """Print what the faults cost."""
    parser = command_line(__doc__)
    parser.add_argument("--engine", choices=("local",), default="local")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="as many faults as 40 s have room for")
    given = parser.parse_args()
    give(measure(given), given)


if __name__ == "__main__":
    main()
