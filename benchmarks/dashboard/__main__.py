"""Drive headless Chromium over the dashboard's pages: bytes, first paint, blocking, accessibility.

    python -m benchmarks.dashboard --json --pictures FOLDER

Starts the service with its workers, has it train one study to its end and another that still runs,
and prints a row for every page and theme, how long thousands of curves take to be drawn and read,
and which targets are missed. A page that is wider than a telephone's window counts as a violation.
Pictures of every page, light, dark and narrow, are written to the folder that the result names.
Times are milliseconds of this machine under its present load, which the study that runs is part
of. `first_paint_ms` is that of the page's first load, for which the browser starts a process; of
the list in light it is the first of the browser and of the service. Beside it stands
`warm_paint_ms`, the median of five loads in a browser that runs already and keeps nothing of the
service from one to the next.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from app.settings import AppSettings
from benchmarks.dashboard.keyed import require_keys
from benchmarks.dashboard.many_curves import store_curves
from benchmarks.dashboard.paints import paint_of, paint_row, paints
from benchmarks.dashboard.studied import studied
from benchmarks.dashboard.targets import missed
from benchmarks.report import command_line, give
from scripts.demo import running_service
from tests.app.pages.accessibility import violations
from tests.app.pages.conftest import ARGUMENTS
from tests.app.served import Served, serving
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from widthwise.client import Client

CURVES: Final = 2_000
POINTS: Final = 1_000
HOVERS: Final = 60
DRAWN_MS: Final = 120_000
PATIENCE_SECONDS: Final = 300.0

_OBSERVE: Final = """
    window.blocking = 0;
    new PerformanceObserver((list) => {
        for (const task of list.getEntries()) window.blocking += Math.max(0, task.duration - 50);
    }).observe({type: "longtask", buffered: true});
"""
# From the pointer's move to the frame that shows what it found.
_HOVER: Final = """async (times) => {
    const canvas = document.querySelectorAll("#curves canvas")[1];
    const box = canvas.getBoundingClientRect();
    const taken = [];
    for (let at = 0; at < times; at++) {
        const clientX = box.left + 80 + (at * (box.width - 120)) / times;
        const clientY = box.top + box.height * (0.3 + (0.4 * (at % 7)) / 7);
        const begun = performance.now();
        canvas.dispatchEvent(new PointerEvent("pointermove", {clientX, clientY, bubbles: true}));
        await new Promise(requestAnimationFrame);
        taken.push(performance.now() - begun);
    }
    taken.sort((a, b) => a - b);
    return taken[Math.floor(0.95 * (taken.length - 1))];
}"""
_KILOBYTES: Final = """["navigation", "resource"]
    .flatMap((kind) => performance.getEntriesByType(kind))
    .reduce((sum, one) => sum + one.transferSize, 0) / 1000"""

WIDE: Final = 1280
NARROW: Final = 390
THEMES: Final = ("light", "dark")


def main() -> None:
    """Measure every page, then the curves."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of every page")
    given = parser.parse_args()
    pictures = given.pictures or Path(tempfile.mkdtemp(prefix="dashboard-"))
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dashboard-data-") as folder, sync_playwright() as play:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = play.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        with (
            running_service(Path(folder)) as address,
            Client(address, timeout_seconds=PATIENCE_SECONDS) as client,
        ):
            paths = studied(client)
            rows = [
                _measured(browser, f"{address}{path}", name, theme, pictures)
                for name, path in paths.items()
                for theme in THEMES
            ]
            require_keys(address, Path(folder))
            log_in = f"{address}/login"
            rows += [_measured(browser, log_in, "log-in", theme, pictures) for theme in THEMES]
        curves = _curves(browser)
        browser.close()
    result = {"pages": rows, "curves": curves, "pictures": str(pictures)}
    give(result | {"missed": missed(rows, curves)}, given)


def _measured(
    browser: Browser, address: str, name: str, theme: str, pictures: Path
) -> dict[str, Any]:
    with _opened(browser, theme) as (page, seen):
        page.goto(address)
        first = paint_of(page)
        if page.locator("script[type=module]").count() > 1:  # beside the one of every page
            page.wait_for_selector("[data-ready]", state="attached")
        row: dict[str, Any] = {
            "page": name,
            "theme": theme,
            "kilobytes": round(page.evaluate(_KILOBYTES), 1),
            "requests": len(seen.requests),
            "blocking_ms": round(page.evaluate("window.blocking"), 1),
        }
        page.screenshot(path=pictures / f"{name}-{theme}.png", full_page=True)
        broken = violations(page)
        if theme == THEMES[0]:
            page.set_viewport_size({"width": NARROW, "height": 844})
            page.wait_for_timeout(300)  # plots are drawn anew
            page.screenshot(path=pictures / f"{name}-narrow.png", full_page=True)
            broken += violations(page)
            if page.evaluate("document.documentElement.scrollWidth") > NARROW:
                broken.append(f"cut off at {NARROW} pixels")
        elsewhere = [url for url in seen.requests if _is_elsewhere(url)]
        for words in (*broken, *seen.complaints, *elsewhere):
            print(f"{name}, {theme}: {words}", file=sys.stderr)
        row |= {
            "violations": len(broken),
            "console_errors": len(seen.complaints),
            "off_host_requests": len(elsewhere),
        }
    with _opened(browser, theme) as (page, _):
        return row | paint_row(first, paints(page, address))


class _Seen(NamedTuple):
    requests: list[str]
    complaints: list[str]


@contextmanager
def _opened(browser: Browser, theme: str) -> Iterator[tuple[Page, _Seen]]:
    scheme: Any = theme
    context = browser.new_context(viewport={"width": WIDE, "height": 900}, color_scheme=scheme)
    context.add_init_script(_OBSERVE)
    page = context.new_page()
    seen = _Seen([], [])
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    try:
        yield page, seen
    finally:
        context.close()


def _is_elsewhere(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))


def _curves(browser: Browser) -> dict[str, float]:
    """Figures of the page of a study that is stored with two million points of curves."""
    with tempfile.TemporaryDirectory(prefix="dashboard-curves-") as folder:
        url = f"sqlite:///{Path(folder) / 'widthwise.db'}"
        migrate(url)
        database = open_database(url)
        try:
            with serving(database, AppSettings()) as served:
                return _drawn(browser, served)
        finally:
            database.close()


def _drawn(browser: Browser, served: Served) -> dict[str, float]:
    study_id = store_curves(served, CURVES, POINTS)
    with _opened(browser, THEMES[0]) as (page, _):
        page.goto(f"{served.address}/studies/{study_id}/curves")
        page.wait_for_selector("[data-ready]", state="attached", timeout=DRAWN_MS)
        return {
            "draw_ms": float(page.evaluate("document.querySelector('main').dataset.drawMs")),
            "hover_p95_ms": round(page.evaluate(_HOVER, HOVERS), 2),
        }


if __name__ == "__main__":
    main()
