"""Studies that the service trains while the benchmark waits, and the pages that show them."""

import time
from collections.abc import Collection
from typing import Any, Final

from app.dashboard.study_pages import LANDSCAPE, TABS
from widthwise.client import Client

SPEC: Final[dict[str, Any]] = {
    "family": {"name": "mlp", "depth": 2},
    "target": {"width": 128, "steps": 64},
    "proxy_width": 32,
    "training": {"steps": 64, "batch_size": 16},
    "optimizers": [{"name": "adamw", "beta1": {"type": "float", "low": 0.8, "high": 0.95}}],
    "check": {"widths": [32, 64, 128, 256], "seeds": 4},
    "search": {"trials": 8},
    "measure": {"widths": [32, 64, 128], "seeds": 2, "grid_points": 5},
    "control": "sp",
    "dynamics": {"looks": 3},
}
_WAIT_SECONDS: Final = 300.0
_RUNS: Final = frozenset({"searching", "measuring"})
_ENDED: Final = frozenset({"completed", "failed", "cancelled"})


def studied(client: Client) -> dict[str, str]:
    """Train one study to its end, pause, stop and begin others; paths of pages by name."""
    finished = client.submit(SPEC | {"name": "MLP on digits"})["id"]
    state = _waited(client, finished, _ENDED)
    if state != "completed":
        raise SystemExit(f"the study is {state}: {client.study(finished).get('reason')}")
    kept = client.store_recommendation(finished)
    stopped = client.submit(SPEC | {"name": "stopped early"})["id"]
    running = client.submit(SPEC | {"name": "still running", "search": {"trials": 4096}})["id"]
    client.cancel(stopped)
    _waited(client, running, _RUNS)
    return {
        "studies": "/",
        "new": "/new",
        **{f"study-{tab}": f"/studies/{finished}/{tab}" for tab in (*TABS, *LANDSCAPE)},
        "running": f"/studies/{running}",
        "compare": f"/compare?ids={finished},{running}",
        "compare-choice": "/compare",
        "cancelled": f"/studies/{stopped}",
        "certificate": f"/recommendations/{kept['id']}",
        "answers": "/recommendations",
        "queue": "/queue",
        "workers": "/workers",
        "cost": "/cost",
        "api": "/docs",
    }


def _waited(client: Client, study_id: str, states: Collection[str]) -> str:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        state = str(client.study(study_id)["state"])
        if state in states or state in _ENDED:
            return state
        time.sleep(0.5)
    raise SystemExit(f"the study {study_id} is not {' or '.join(sorted(states))} in time")
