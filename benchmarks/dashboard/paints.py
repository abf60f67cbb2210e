"""Time what stands between a click and the first thing on the screen."""

import statistics
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from playwright.sync_api import Page

LOADS: Final = 5
_TIMES: Final = """async () => {
    const painted = () => performance.getEntriesByName("first-contentful-paint")[0];
    while (!painted()) await new Promise((look) => setTimeout(look, 20));
    const [at] = performance.getEntriesByType("navigation");
    const paint = painted();
    return [at.requestStart, at.responseEnd, at.domInteractive, paint.startTime];
}"""


class Paint(NamedTuple):
    """One load of a page: milliseconds since its address was entered."""

    request: float
    """The browser has a process for the page, a connection, and asks."""
    response: float
    """The whole answer is there."""
    parsed: float
    painted: float


def paint_of(page: Page) -> Paint:
    """The times of the page that is open, once something is painted."""
    return Paint(*page.evaluate(_TIMES))


def paints(page: Page, address: str) -> list[Paint]:
    """Loads of a page in a browser that runs already, with nothing kept of the ones before."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.goto(address)  # the process that shows the page has started
    found = []
    for _ in range(LOADS):
        page.goto(address)
        found.append(paint_of(page))
    return found


def paint_row(first: Paint, loads: Sequence[Paint]) -> dict[str, Any]:
    """The first load and what its time is made of, and the median of those after it."""
    warm = Paint(*(statistics.median(times) for times in zip(*loads, strict=True)))
    return {
        "first_paint_ms": round(first.painted, 1),
        "first_of_which_ms": _parts(first),
        "warm_paint_ms": round(warm.painted, 1),
        "warm_of_which_ms": _parts(warm),
    }


def _parts(paint: Paint) -> dict[str, float]:
    return {
        "until_asked": round(paint.request, 1),
        "answered": round(paint.response - paint.request, 1),
        "parsed": round(paint.parsed - paint.response, 1),
        "painted": round(paint.painted - paint.parsed, 1),
    }
