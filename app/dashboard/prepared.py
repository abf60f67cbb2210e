"""Make what the first visitors of a page would wait for, before they come."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.dashboard import assets, templating
from app.dashboard.submit import page as submit_page

AFTER_SECONDS: Final = 10.0
"""Of a process's start: it takes most of a second of a core, which first requests need more."""
_PAUSE_SECONDS: Final = 0.02
"""Between two templates."""
_TURN_SECONDS: Final = 5e-4
"""That a thread computes while others wait, instead of Python's 5 ms: a request takes ten turns."""


def prepare() -> None:
    """Compile templates, compress plotly.js, derive the form's schema, and let requests go first.

    Whatever is asked for before is made then, by the request that asks, and not again here.
    """
    with _short_turns():
        for _ in templating.templates():
            time.sleep(_PAUSE_SECONDS)
        assets.plotly()
        submit_page.schema()


@contextmanager
def _short_turns() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
