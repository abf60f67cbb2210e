"""Chromium, and pages in it that may do nothing wrong."""

import shutil
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.patience import PATIENCE_SECONDS

ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
REFUSED: Final = "the server responded with a status of 422"
"""What Chromium says of an answer that a form asks for, and shows at its fields."""
PATIENCE_MS: Final = 1000 * PATIENCE_SECONDS
"""Playwright's own limit of what is expected, five seconds, is soon over on a busy machine."""
VIOLATIONS: Final = """
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) =>
        window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
"""


@pytest.fixture(scope="module")  # while it is open no other event loop runs in this thread
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "these tests drive the system's Chromium: run scripts/install_test_tools.sh"
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path, args=ARGUMENTS, timeout=PATIENCE_MS
        )
        running.on("context", lambda context: context.set_default_timeout(PATIENCE_MS))
        yield running
        running.close()


@pytest.fixture
def tab(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that may neither complain, nor break its policy, nor ask another host."""
    if "served" in request.fixturenames:
        request.getfixturevalue("served")  # begun before the page, it ends after it
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if REFUSED not in message.text:
            complaints.append(f"{message.type}: {message.text}")

    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(VIOLATIONS)
    page = context.new_page()
    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2].split(":")[0]))
    yield page
    assert page.evaluate("window.violations") == []
    assert complaints == []
    assert hosts <= {"127.0.0.1", ""}
    context.close()
