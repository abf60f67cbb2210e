"""Pages recover by themselves: from many tabs, a server that was restarted, and a sleep."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.served import SPEC, Served
from tests.widthwise.running import kept_port, running_service
from tuner.spec.states import StudyState

pytestmark = pytest.mark.browser

TABS = 7
"""One more than the connections that a browser opens to a host."""


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    page.wait_for_selector("[data-ready]", state="attached")
    expect(page.locator("#freshness")).to_contain_text("live")
    return page


def test_a_seventh_tab_is_as_live_as_the_first_on_one_stream(
    browser: Browser, served: Served
) -> None:
    study_id = served.submit(name="seen seven times")
    with browser.new_context() as context:
        tabs = [context.new_page() for _ in range(TABS)]
        for tab in tabs:
            tab.goto(served.address)
            tab.wait_for_selector("[data-ready]", state="attached")
        served.advance(study_id, StudyState.SEARCHING)
        for tab in tabs:
            row = tab.locator(f'[data-study="{study_id}"]')
            expect(row).to_have_attribute("data-state", "searching")
        asked = "performance.getEntriesByType('resource').map((one) => one.name).join(' ')"
        assert not any("/v1/events" in tab.evaluate(asked) for tab in tabs)  # the worker's alone


def test_a_page_goes_on_where_it_was_after_the_server_was_restarted(
    browser: Browser, tmp_path: Path
) -> None:
    with browser.new_context() as context, kept_port() as port:
        tab = context.new_page()
        with running_service(tmp_path, port=port) as first:
            answer = httpx.post(f"{first.address}/v1/studies", json=SPEC, trust_env=False)
            study_id = answer.json()["id"]
            opened(tab, first.address)
        tab.evaluate("window.notReloaded = true")
        expect(tab.locator("#freshness")).to_contain_text("connection lost")
        with running_service(tmp_path, port=port) as second:
            httpx.post(f"{second.address}/v1/studies/{study_id}:pause", trust_env=False)
            row = tab.locator(f'[data-study="{study_id}"]')
            expect(row).to_have_attribute("data-state", "paused")
            expect(tab.locator("#freshness")).to_contain_text("live")
            assert tab.evaluate("window.notReloaded")


def test_a_page_that_slept_shows_what_has_happened_meanwhile(
    browser: Browser, served: Served
) -> None:
    study_id = served.submit(name="moved in the night")
    with browser.new_context() as context:
        tab = opened(context.new_page(), served.address)
        machine = context.new_cdp_session(tab)
        machine.send("Page.setWebLifecycleState", {"state": "frozen"})
        served.advance(study_id, StudyState.SEARCHING)
        machine.send("Page.setWebLifecycleState", {"state": "active"})
        row = tab.locator(f'[data-study="{study_id}"]')
        expect(row).to_have_attribute("data-state", "searching")
        expect(tab.locator("#freshness")).to_contain_text("live")
