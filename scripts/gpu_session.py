"""Validate the service on a GPU in one command: seven sections, each with its own deadline.

    python scripts/gpu_session.py --seconds 540 --out results

Every section is a process of its own and writes its rows as it goes, to `<out>/<section>.json`: one
that hangs, dies or runs late costs the others nothing. `--rehearse` does the same on the CPU with
little of everything. Exit status 0 unless nothing could be measured. See scripts/gpu_session.md.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
SECTIONS: Final = {
    "ceilings": 20,
    "breakages": 100,
    "throughput": 150,
    "kernels": 40,
    "agreement": 40,
    "time_to_answer": 130,
    "slots": 30,
}
"""Shares of the time, in seconds of 510."""
START_SECONDS: Final = 3.0
"""Time that a section may run beyond its deadline before it is ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sections one after another, and say which goals are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=540.0, help="for all of it")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the results")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, little of everything")
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="these sections")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    wanted = given.only or list(SECTIONS)
    results: dict[str, list[dict[str, Any]]] = {}
    outcomes: dict[str, str] = {}
    ends = time.monotonic() + given.seconds
    for place, name in enumerate(wanted):
        left = ends - time.monotonic()
        share = SECTIONS[name] / sum(SECTIONS[one] for one in wanted[place:])
        outcomes[name] = run_section(name, given.out, left * share, rehearse=given.rehearse)
        results[name] = rows_of(given.out / f"{name}.json")
        errors = sum("error" in row for row in results[name])
        _say(f"{name}: {outcomes[name]}; {len(results[name])} rows, {errors} with errors")
    summary = summarised(results, outcomes)
    (given.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    for line in summary["lines"]:
        _say(line)
    return 0 if any(results.values()) else 1


def run_section(name: str, folder: Path, seconds: float, *, rehearse: bool) -> str:
    """Run one section; how it ended, in words."""
    path = folder / f"{name}.json"
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", f"benchmarks.gpu.{name}", str(path), f"{seconds:.0f}"]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    cache = {"TORCHINDUCTOR_CACHE_DIR": str((folder / "compiled").absolute())}
    environment = {**cache, **os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    started = time.monotonic()
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [*command, *(["--rehearse"] if rehearse else [])],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that what it starts can be ended with it
        )
        try:
            status = process.wait(seconds + START_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    taken = f"{time.monotonic() - started:.0f} s of {seconds:.0f}"
    if status is None:
        return f"ended at its deadline, {taken}"
    return f"finished, {taken}" if status == 0 else f"failed with exit status {status}, {taken}"


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Rows that a section wrote."""
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text())
    return rows


def summarised(
    results: dict[str, list[dict[str, Any]]], outcomes: dict[str, str]
) -> dict[str, Any]:
    """The goals with their outcomes, as records and as lines."""
    sys.path.insert(0, str(ROOT))
    from benchmarks.gpu.goals import goals, words

    found = goals(results)
    return {
        "sections": outcomes,
        "goals": [goal._asdict() for goal in found],
        "lines": words(found),
    }


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - it is what the script is for


if __name__ == "__main__":
    sys.exit(main())
