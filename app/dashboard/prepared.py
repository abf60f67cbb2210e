"""Make what the first visitors of a page would wait for, before they come."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

import anyio
from fastapi import FastAPI, Request

from app.dashboard import assets, study_list, templating
from app.dashboard.submit import page as submit_page
from tuner.records.errors import TunerError

AFTER_SECONDS: Final = 10.0
"""Seconds from a process's start to preparing, which takes most of a second of a core that
the first requests need more."""
IDLE_SHARE: Final = 0.2
"""Share of a core below which a process counts as idle. Preparing computes for four tenths of a
second, for which every answer of a busy service would wait its turn."""
_LOOK_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.02
"""Seconds between two templates."""
_TURN_SECONDS: Final = 5e-4
"""Seconds that a thread computes while others wait, instead of Python's 5 ms: a request takes ten
turns."""


def prepare_list(app: FastAPI) -> None:
    """Make the list of studies once: the page that is opened first on a new service.

    It compiles the page's templates and statements, reads the verdicts that it shows, and loads
    what hands requests to threads. A database that cannot be read is no error here.
    """
    asked = Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": "/",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }
    )
    at = app.state
    with suppress(TunerError):
        anyio.run(
            anyio.to_thread.run_sync,
            partial(study_list.show_studies, asked, at.database, at.verdicts, at.settings),
        )


def shares() -> Iterator[float]:
    """Share of a core that this process has used, second by second."""
    while True:
        began, spent = time.monotonic(), time.process_time()
        time.sleep(_LOOK_SECONDS)
        yield (time.process_time() - spent) / (time.monotonic() - began)


def until_idle(seen: Iterable[float] | None = None) -> None:
    """Return once this process has had little to do for a while.

    Args:
        seen: shares of a core that it used, one after another; default: from now on.

    """
    next(share for share in seen or shares() if share < IDLE_SHARE)


def prepare(wait: Callable[[], None] = until_idle) -> None:
    """Compile templates, compress plotly.js, derive the form's schema, and let requests go first.

    Whatever is asked for before is made then, by the request that asks, and not again here.

    Args:
        wait: called before each of the three.

    """
    for make in (_compile_templates, assets.plotly, submit_page.schema):
        wait()
        with _short_turns():
            make()


def _compile_templates() -> None:
    for _ in templating.templates():
        time.sleep(_PAUSE_SECONDS)


@contextmanager
def _short_turns() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
