"""Strike: kill or freeze a part of the service."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.chaos.plan import Fault
from benchmarks.chaos.scene import Scene
from tests.service.processes import is_gone, kill
from tests.service.running import wait_for
from tests.service.strikes import freeze_for


def strike(scene: Scene, fault: Fault) -> bool:
    """Strike once; a freeze is over when this returns. False if there was nothing to strike."""
    special = _SPECIAL.get(fault.kind)
    if special is not None:
        special(scene, fault)
        return True
    victims = _VICTIMS[fault.victim](scene, fault.chance)
    if fault.how == "frozen":
        freeze_for(victims, fault.lasts_seconds)
        return bool(victims)
    for pid in victims[:1]:  # what it started follows by itself, or is an orphan
        kill(pid)
        wait_for("its end", lambda: is_gone(victims[0]))
    return bool(victims)


def _one_of(pids: Sequence[int], chance: float) -> list[int]:
    return [pids[int(chance * len(pids))]] if pids else []


def _worker(scene: Scene, chance: float) -> list[int]:
    return _one_of(scene.workers(), chance)


def _tuner(scene: Scene, chance: float) -> list[int]:
    return _child(scene, "service.tuner")


def _api(scene: Scene, chance: float) -> list[int]:
    return _child(scene, "service.api")


def _child(scene: Scene, module: str) -> list[int]:
    found = scene.service.child(module)
    return [] if found is None else [found]


def _standby(scene: Scene, chance: float) -> list[int]:
    assert scene.standby is not None
    return [scene.standby.process.pid] if scene.standby.process.poll() is None else []


def _node(scene: Scene, chance: float) -> list[int]:
    assert scene.cluster is not None
    struck = _one_of(scene.cluster.nodes, chance)
    return scene.cluster.family_of(struck[0]) if struck else []


_VICTIMS: Final[dict[str, Callable[[Scene, float], list[int]]]] = {
    "worker": _worker,
    "tuner": _tuner,
    "api": _api,
    "standby": _standby,
    "node": _node,
}


def _kill_postgres(scene: Scene, fault: Fault) -> None:
    assert scene.postgres is not None
    scene.postgres.kill()
    scene.postgres.start()


def _freeze_postgres(scene: Scene, fault: Fault) -> None:
    assert scene.postgres is not None
    scene.postgres.freeze()
    time.sleep(fault.lasts_seconds)
    scene.postgres.thaw()


def _kill_head(scene: Scene, fault: Fault) -> None:
    assert scene.cluster is not None
    scene.cluster.kill_head()


_SPECIAL: Final[dict[str, Callable[[Scene, Fault], None]]] = {
    "postgresql killed": _kill_postgres,
    "postgresql frozen": _freeze_postgres,
    "head killed": _kill_head,
}
