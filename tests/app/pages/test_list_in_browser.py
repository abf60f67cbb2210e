"""The list of studies in a real browser: live, narrow, by keyboard, and accessible to everyone."""

import pytest
from playwright.sync_api import Page, expect

from app.dashboard.assets import STYLE
from tests.app.pages.accessibility import violations
from tests.app.served import Served
from tuner.spec.states import StudyState

pytestmark = pytest.mark.browser

MOST_BYTES = 60_000


def open_list(tab: Page, served: Served, query: str = "") -> None:
    tab.goto(f"{served.address}/{query}")
    tab.wait_for_selector("[data-ready]", state="attached")


def test_rows_follow_their_studies_and_the_page_is_not_fetched_again(
    tab: Page, served: Served
) -> None:
    study_id = served.submit(name="watched")
    asked: list[str] = []
    open_list(tab, served)
    tab.on("request", lambda request: asked.append(request.url))
    row = tab.locator(f'[data-study="{study_id}"]')
    expect(row).to_contain_text("queued")
    expect(row).to_contain_text("0 of 92 trials")
    tab.locator("[name=name]").focus()
    served.advance(study_id)
    expect(row).to_contain_text("completed")
    expect(row).to_contain_text("92 of 92 trials")
    expect(row).to_contain_text("recommended with caution")
    expect(tab.get_by_role("status")).to_have_text("watched is now completed.")
    expect(tab.locator("[data-overview=completed]")).to_have_text("1 completed")
    expect(tab.locator("[name=name]")).to_be_focused()
    assert {address.removeprefix(served.address) for address in asked} <= {"/v1/overview"}


def test_a_study_that_is_new_is_offered_and_not_pushed_in(tab: Page, served: Served) -> None:
    served.submit(name="first")
    open_list(tab, served)
    expect(tab.locator("#freshness")).to_contain_text("live")
    study_id = served.submit(name="second")
    served.advance(study_id, StudyState.CHECKING)
    tab.get_by_role("link", name="Show new studies").click()
    expect(tab.get_by_role("link", name="second")).to_be_visible()


def test_filters_and_sort_are_in_the_address(tab: Page, finished: tuple[Served, str]) -> None:
    open_list(tab, finished[0])
    tab.locator("[name=state]").select_option("completed")
    tab.get_by_label("Sort by").select_option("verdict")
    tab.get_by_role("searchbox").fill("wider")
    tab.get_by_role("searchbox").press("Enter")
    tab.wait_for_url("**state=completed**sort=verdict")
    expect(tab.get_by_role("link", name="eight times wider")).to_be_visible()
    expect(tab.get_by_label("Sort by")).to_have_value("verdict")
    open_list(tab, finished[0], "?state=failed")
    expect(tab.get_by_role("heading", name="No matching study")).to_be_visible()


def test_rows_are_cards_on_a_telephone_and_nothing_is_cut_off(
    tab: Page, finished: tuple[Served, str]
) -> None:
    tab.set_viewport_size({"width": 390, "height": 800})
    open_list(tab, finished[0])
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    for label in ("State", "Progress", "Verdict", "Best loss", "Model", "Submitted"):
        cell = tab.locator(f'td[data-label="{label}"]').first
        box = cell.bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= 390


@pytest.mark.parametrize("width", [641, 800, 1024, 1121, 1280])
def test_no_window_between_telephone_and_desktop_cuts_off_the_list(
    tab: Page, served: Served, width: int
) -> None:
    several = [{"name": name} for name in ("muon_match_rms_adamw", "layer_normalised_sgd")]
    served.submit(name="a name as long as somebody types it " * 3, optimizers=several)
    tab.set_viewport_size({"width": width, "height": 800})
    open_list(tab, served)
    assert tab.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_is_kept_and_breaks_no_rule_of_accessibility(
    tab: Page, finished: tuple[Served, str], theme: str
) -> None:
    open_list(tab, finished[0])
    ground = "getComputedStyle(document.body).backgroundColor"
    tab.get_by_label("Theme").select_option(theme)
    open_list(tab, finished[0])
    wanted = "rgb(14, 17, 22)" if theme == "dark" else "rgb(247, 248, 250)"
    assert tab.evaluate(ground) == wanted
    assert violations(tab) == []


def test_fifty_studies_are_a_small_page(served: Served) -> None:
    for at in range(50):
        served.submit(name=f"a study with a name of usual length, number {at}")
    text = served.client.get("/", headers={"accept": "text/html"}).text
    assert len(text.replace(STYLE, "").encode()) <= MOST_BYTES, "beside the style, sent compressed"


def test_a_tab_that_was_hidden_is_told_what_it_has_missed(tab: Page, served: Served) -> None:
    study_id = served.submit(name="goes on")
    open_list(tab, served)
    expect(tab.locator("#freshness")).to_contain_text("live")
    tab.evaluate("dispatchEvent(new Event('pagehide'))")
    served.advance(study_id, StudyState.SEARCHING)
    row = tab.locator(f'[data-study="{study_id}"]')
    assert row.get_attribute("data-state") == "queued"
    tab.evaluate("dispatchEvent(new Event('pageshow'))")
    expect(row).to_have_attribute("data-state", "searching")
