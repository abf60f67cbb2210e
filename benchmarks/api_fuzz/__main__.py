"""Try the whole API with generated requests, as every scope, and name each answer that is wrong.

    python -m benchmarks.api_fuzz --cases 1000

A service of its own, with two owners in its database. schemathesis makes requests from its OpenAPI
document, valid and invalid ones, and they are sent as the first owner with a key of each scope,
with a share link, and without a key; their paths name things of both owners. Wrong are:

- an answer of 500 or more, or one whose status, headers or body the document does not have;
- a valid request refused for a reason that is not documented;
- anything of the second owner in an answer, or changed.

Streams of events do not end, and are left out. The exit status is 1 if anything is wrong.
"""

import argparse
import json
import math
import multiprocessing
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.api_fuzz.cases import tried
from benchmarks.api_fuzz.prepared import Sender, prepared
from tuner.spec.access import Scope

DEFAULT: Final = 44_000
"""Cases: more than 10,000 as each scope."""
_OTHER: Final = 0.1
"""Cases of a share link and of nobody, to one of each scope."""


def shared_out(cases: int, senders: tuple[Sender, ...]) -> list[tuple[Sender, int]]:
    """The number of cases of each sender: equal for scopes, fewer for the others."""
    weights = [1.0 if sender.name in list(Scope) else _OTHER for sender in senders]
    return [
        (sender, math.ceil(cases * weight / sum(weights)))
        for sender, weight in zip(senders, weights, strict=True)
    ]


def main() -> int:
    """Print what was tried and what was wrong; 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=DEFAULT, help=f"default: {DEFAULT}")
    parser.add_argument("--seed", type=int, default=0, help="of what is generated")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="one line of JSON, and nothing else")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = prepared(Path(folder))
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(given.processes, mp_context=spawn) as pool:
            work = shared_out(given.cases, made.senders)
            rows = list(pool.map(partial(tried, made, given.seed), work))
    failures = [failure for row in rows for failure in row.pop("failures")]
    result = {
        "cases": sum(row["cases"] for row in rows),
        "failures": len(failures),
        "by_sender": rows,
        "statuses": dict(sum((Counter(row["statuses"]) for row in rows), Counter())),
        "failed": failures,
    }
    print(json.dumps(result) if given.json else _in_words(result))
    return 1 if failures else 0


def _in_words(result: dict[str, Any]) -> str:
    lines = [
        f"{one['sender']}: {one['operation']}\n  {one['failure']}\n  {one['request']}"
        for one in result["failed"]
    ]
    for row in result["by_sender"]:
        statuses = ", ".join(f"{status}: {count}" for status, count in row["statuses"].items())
        lines.append(f"{row['sender']}: {row['cases']} cases ({statuses})")
    return "\n".join([*lines, f"cases {result['cases']}", f"failures {result['failures']}"])


if __name__ == "__main__":
    sys.exit(main())
