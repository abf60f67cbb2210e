"""Drive headless Chromium over the dashboard's pages: bytes, first paint, blocking, accessibility.

    python -m benchmarks.dashboard --json --pictures FOLDER

Prints a row for every page and theme, and how long thousands of curves take to be drawn and read.
Times are milliseconds of this machine under its present load.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from app.dashboard.study_pages import TABS
from app.settings import AppSettings
from benchmarks.dashboard.many_curves import store_curves
from benchmarks.report import command_line, give
from tests.app.pages.accessibility import violations
from tests.app.pages.conftest import ARGUMENTS
from tests.app.served import Served, serving
from tuner.spec.states import StudyState
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate

CURVES: Final = 2_000
POINTS: Final = 1_000
HOVERS: Final = 60
DRAWN_MS: Final = 120_000

_OBSERVE: Final = """
    window.blocking = 0;
    new PerformanceObserver((list) => {
        for (const task of list.getEntries()) window.blocking += Math.max(0, task.duration - 50);
    }).observe({type: "longtask", buffered: true});
"""
_PAINT: Final = """performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null"""
_HOVER: Final = """async (times) => {
    const canvas = document.querySelectorAll("#curves canvas")[1];
    const box = canvas.getBoundingClientRect();
    const taken = [];
    for (let at = 0; at < times; at++) {
        const clientX = box.left + 80 + (at * (box.width - 120)) / times;
        const clientY = box.top + box.height * (0.3 + (0.4 * (at % 7)) / 7);
        const begun = performance.now();
        canvas.dispatchEvent(new PointerEvent("pointermove", {clientX, clientY, bubbles: true}));
        taken.push(performance.now() - begun);
        await new Promise(requestAnimationFrame);
    }
    taken.sort((a, b) => a - b);
    return taken[Math.floor(0.95 * (taken.length - 1))];
}"""


class Look(NamedTuple):
    """How a page is looked at."""

    theme: str
    scheme: Any
    width: int


LOOKS: Final = (
    Look("light", "light", 1280),
    Look("dark", "dark", 1280),
    Look("narrow", "light", 390),
)


def main() -> None:
    """Measure every page, then the curves."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of every page")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    url = f"sqlite:///{folder / 'widthwise.db'}"
    migrate(url)
    pictures = given.pictures or Path(tempfile.mkdtemp(prefix="dashboard-"))
    pictures.mkdir(parents=True, exist_ok=True)
    database = open_database(url)
    try:
        with serving(database, AppSettings()) as served, sync_playwright() as playwright:
            path = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            paths = _paths(served)
            rows = [
                _measured(browser, served, name, path, look, pictures)
                for name, path in paths.items()
                for look in LOOKS
            ]
            curves = _curves(browser, served)
            browser.close()
    finally:
        database.close()
        shutil.rmtree(folder)
    give({"pages": rows, "curves": curves, "pictures": str(pictures)}, given)


def _paths(served: Served) -> dict[str, str]:
    """Pages over one study that has finished and one that runs."""
    finished = served.submit(name="eight times wider")
    served.advance(finished)
    kept = served.client.post(f"/v1/studies/{finished}/recommendations", json={}).json()
    running = served.submit(name="running")
    served.advance(running, StudyState.MEASURING)
    return {
        "studies": "/",
        **{f"study-{tab}": f"/studies/{finished}/{tab}" for tab in TABS},
        "running": f"/studies/{running}",
        "certificate": f"/recommendations/{kept['id']}",
        "workers": "/workers",
    }


def _measured(  # one row's circumstances
    browser: Browser, served: Served, name: str, path: str, look: Look, pictures: Path
) -> dict[str, Any]:
    with _opened(browser, look) as (page, seen):
        page.goto(f"{served.address}{path}")
        if page.locator("script[type=module]").count():
            page.wait_for_selector("[data-ready]", state="attached")
        sizes = page.evaluate(
            "['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))"
            ".reduce((sum, one) => sum + one.transferSize, 0)"
        )
        row = {
            "page": name,
            "theme": look.theme,
            "kilobytes": round(sizes / 1e3, 1),
            "requests": len(seen["requests"]),
            "first_paint_ms": page.evaluate(_PAINT),
            "blocking_ms": round(page.evaluate("window.blocking"), 1),
            "cut_off": page.evaluate("document.documentElement.scrollWidth") > look.width,
        }
        page.screenshot(path=pictures / f"{name}-{look.theme}.png", full_page=True)
        row["violations"] = violations(page)
        row["console_errors"] = seen["complaints"]
        row["off_host_requests"] = [url for url in seen["requests"] if _is_elsewhere(url)]
    return row


@contextmanager
def _opened(browser: Browser, look: Look) -> Iterator[tuple[Page, dict[str, list[str]]]]:
    context = browser.new_context(
        viewport={"width": look.width, "height": 900}, color_scheme=look.scheme
    )
    context.add_init_script(_OBSERVE)
    page = context.new_page()
    seen: dict[str, list[str]] = {"requests": [], "complaints": []}
    page.on("request", lambda request: seen["requests"].append(request.url))
    page.on("console", lambda message: seen["complaints"].append(message.text))
    page.on("pageerror", lambda error: seen["complaints"].append(str(error)))
    try:
        yield page, seen
    finally:
        context.close()


def _is_elsewhere(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))


def _curves(browser: Browser, served: Served) -> dict[str, float]:
    study_id = store_curves(served, CURVES, POINTS)
    with _opened(browser, LOOKS[0]) as (page, _):
        page.goto(f"{served.address}/studies/{study_id}/curves")
        page.wait_for_selector("[data-ready]", state="attached", timeout=DRAWN_MS)
        result = {
            "curves": CURVES,
            "points": POINTS,
            "draw_ms": float(page.evaluate("document.querySelector('main').dataset.drawMs")),
            "blocking_ms": round(page.evaluate("window.blocking"), 1),
            "hover_p95_ms": round(page.evaluate(_HOVER, HOVERS), 2),
        }
    return result


if __name__ == "__main__":
    main()
