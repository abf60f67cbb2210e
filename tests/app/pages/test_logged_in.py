"""A reviewer with a key, in a real browser: logs in, approves an answer, shares, logs out."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.app.access.keyed import made_key
from tests.app.pages.accessibility import violations
from tests.app.served import Served

pytestmark = pytest.mark.browser


def test_a_reviewer_logs_in_approves_and_shares(tab: Page, reviewed: tuple[Served, str]) -> None:
    served, study_id = reviewed
    _, secret = made_key(served.database, "submit", owner="local")
    tab.goto(f"{served.address}/studies/{study_id}/configuration")
    tab.wait_for_url("**/login?next=*")
    assert violations(tab) == []
    tab.get_by_label("API key").fill(secret)
    tab.get_by_role("button", name="Log in").click()

    tab.wait_for_url("**/configuration")
    tab.wait_for_selector("[data-ready]", state="attached")
    tab.get_by_role("button", name="Store this answer").click()
    tab.wait_for_selector("main.certificate[data-ready]", state="attached")
    tab.get_by_label("Who decides").fill("Kim")
    tab.get_by_label("Note").fill("the check passes at every width")
    tab.get_by_role("button", name="Approve").click()
    expect(tab.locator("#decision-title ~ p")).to_contain_text("Approved by Kim")

    tab.goto(f"{served.address}/studies/{study_id}")
    tab.wait_for_selector("[data-ready]", state="attached")
    tab.get_by_role("button", name="Share").click()
    link = tab.locator("#shared a")
    expect(tab.locator("#shared")).to_contain_text("whoever has this link can read the study")
    assert violations(tab) == []
    with httpx.Client(follow_redirects=True, trust_env=False) as reader:
        shared = reader.get(str(link.get_attribute("href")), headers={"accept": "text/html"})
        assert shared.url.path == f"/studies/{study_id}"
        assert "data-share" not in shared.text
        landscape = reader.get(f"{shared.url}/landscape", headers={"accept": "text/html"})
        assert "does not measure them" in landscape.text
    other = tab.context.new_page()  # which finds out by itself
    other.goto(f"{served.address}/?sort=name")
    expect(other.locator("#freshness")).to_contain_text("live")
    tab.get_by_role("button", name="Log out").click()
    again = other.locator("#freshness").get_by_role("link", name="log in again")
    expect(again).to_have_attribute("href", "/login?next=%2F%3Fsort%3Dname")
    expect(other.get_by_role("status")).to_have_text("Logged out: log in again to go on.")
    expect(tab.get_by_role("heading", level=1)).to_have_text("Log in")
    expect(tab.get_by_role("button", name="Log out")).to_be_hidden()
