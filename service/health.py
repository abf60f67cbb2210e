"""Tell a container's supervisor whether its process is at work, by the exit status.

`python -m service.health --url http://127.0.0.1:8321/healthz` asks an API,
`python -m service.health --alive FILE` looks when a coordinator or a standby last turned.
"""

import argparse
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

WITHIN_SECONDS = 60.0
"""A turn of a coordinator may wait half a minute for other writers of the database."""
ANSWER_SECONDS = 4.0


def alive_until(stop: Callable[[], bool], file: Path) -> Callable[[], bool]:
    """Ask as `stop` does, and touch a file at most once a second as it is asked.

    A coordinator asks at every turn, also while it stands by or waits for its database.
    """
    due = 0.0

    def asked() -> bool:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + 1
            with suppress(OSError):  # a full disk is no fault of the process
                file.touch()
        return stop()

    return asked


def problem_of_file(file: Path, now: float) -> str | None:
    """In words, what the file says against its process; None if it turned lately.

    Args:
        now: seconds since the epoch.

    """
    try:
        age = now - file.stat().st_mtime
    except OSError as error:
        return f"{file} cannot be read: {error}"
    return None if age <= WITHIN_SECONDS else f"the process last turned {age:.0f} s ago"


def problem_of_url(url: str) -> str | None:
    """In words, why the address does not answer with 200; None if it does."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS):
            return None
    except OSError as error:
        return f"{url}: {error}"


def main() -> None:
    """Exit status 1, with the problem, if the process is not at work."""
    parser = argparse.ArgumentParser(prog="python -m service.health", description=__doc__)
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--url")
    asked.add_argument("--alive", type=Path, metavar="FILE")
    given = parser.parse_args()
    problem = problem_of_url(given.url) if given.url else problem_of_file(given.alive, time.time())
    sys.exit(problem)


if __name__ == "__main__":
    main()
