"""Go the three ways from a GPT's training script to an answer, as a user does, and time them.

    python -m benchmarks.own_ways --json
    python -m benchmarks.own_ways --way file --transcript file.md

Each way begins with `examples/own_gpt` without any Widthwise in it, in an empty folder of its own,
and uses the real command line, service and training on this machine's cores, one thread a process
that trains. `seconds` is null of an edit, and of a service the time until it takes requests;
`minutes` is the sum. `cpu_minutes` is the CPU time of all its processes, which does not depend on
how busy the machine is with other work.
"""

import os
import platform
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.own_ways.script import write_script
from benchmarks.own_ways.transcript import transcript
from benchmarks.own_ways.ways import QUICK, WAYS, Gone, Size
from benchmarks.report import command_line, give

GOAL: Final = {"actions": 5, "minutes": 15.0}


def gone(way: str, size: Size) -> Gone:
    """Go a way in a folder of its own, which is removed."""
    with tempfile.TemporaryDirectory(prefix="widthwise-own-") as parent:
        folder = Path(parent) / "own_gpt"
        write_script(folder)
        return WAYS[way].go(folder, size)


def row(way: str, one: Gone) -> dict[str, Any]:
    """A way as JSON has it."""
    return {
        "way": way,
        "words": WAYS[way].words,
        "actions": [action.document() for action in one.actions],
        "minutes": round(one.minutes, 1),
        "cpu_minutes": round(one.cpu_minutes, 1),
        "meets_goal": (len(one.actions) <= GOAL["actions"] and one.minutes <= GOAL["minutes"]),
        "verdict": one.answer["verdict"],
        "headline": one.answer["headline"],
        "reasons": [reason["words"] for reason in one.answer["reasons"]],
        "trials": one.answer["cost"]["trials"],
    }


def main() -> None:
    """Print a row for every way that is asked for."""
    parser = command_line(__doc__)
    parser.add_argument(
        "--way", action="append", choices=WAYS, help="may be repeated; default: all"
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny trials: the answer means nothing"
    )
    parser.add_argument("--steps", type=int, help="of every trial; default: the service's")
    parser.add_argument("--trials", type=int, help="of the search; default: the service's")
    parser.add_argument("--transcript", type=Path, help="a file for what was typed and printed")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is stopped
    load = os.getloadavg()[0]
    size = QUICK if given.quick else Size(given.steps, given.trials)
    found = {way: gone(way, size) for way in given.way or WAYS}
    if given.transcript is not None:
        given.transcript.write_text(transcript(found))
    give(
        {
            "goal": GOAL,
            "ways": [row(way, one) for way, one in found.items()],
            "device": f"{os.cpu_count()} CPU cores, {platform.system()} {platform.machine()}",
            "load_average_before": round(load, 1),
        },
        given,
    )


if __name__ == "__main__":
    main()
