"""The study page in a real browser: it draws, stays current, and breaks no rule of its own."""

import pytest
from playwright.sync_api import Page, expect

from tests.app.served import Served
from tuner.spec.states import StudyState

pytestmark = pytest.mark.browser


def open_study(tab: Page, served: Served, study_id: str) -> None:
    tab.goto(f"{served.address}/studies/{study_id}")
    tab.wait_for_selector("[data-ready]", state="attached")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_completed_study_shows_its_plot_and_its_recommendation(
    tab: Page, finished: tuple[Served, str], scheme: str
) -> None:
    served, study_id = finished
    tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    open_study(tab, served, study_id)
    plot = tab.locator("[data-plot]")
    expect(plot).to_contain_text("μP")
    expect(plot).to_contain_text("standard parametrization")
    for width in (32, 64, 128):
        expect(plot.locator(".legend")).to_contain_text(f"width {width}")
    assert plot.locator(".scatterlayer .trace").count() >= 20
    expect(tab.locator("#recommendation")).to_contain_text("Parameter groups")
    assert plot.locator("canvas").count() == 0  # SVG: needs neither a GPU nor a wider policy


def test_both_panels_share_their_axes(tab: Page, finished: tuple[Served, str]) -> None:
    open_study(tab, *finished)
    ranges = tab.evaluate(
        """() => {
            const layout = document.querySelector("[data-plot]")._fullLayout;
            return [layout.xaxis, layout.xaxis2, layout.yaxis, layout.yaxis2].map((a) => a.range);
        }"""
    )
    assert ranges[0] == ranges[1]
    assert ranges[2] == ranges[3]


def test_a_narrow_window_puts_the_panels_under_each_other(
    tab: Page, finished: tuple[Served, str]
) -> None:
    tab.set_viewport_size({"width": 390, "height": 800})
    open_study(tab, *finished)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    left = tab.evaluate("document.querySelector('[data-plot]')._fullLayout.xaxis2.domain[0]")
    assert left == 0


def test_a_page_follows_its_study_without_being_loaded_again(tab: Page, served: Served) -> None:
    study_id = served.submit()
    open_study(tab, served, study_id)
    expect(tab.locator("#trials")).to_contain_text("None yet")
    tab.evaluate("window.notReloaded = true")
    served.advance(study_id, StudyState.SEARCHING)
    expect(tab.locator("[data-state]")).to_have_attribute("data-state", "searching", timeout=10_000)
    expect(tab.get_by_role("status")).to_have_text("The study is now searching.")
    tab.get_by_text("Show the specification").click()
    served.advance(study_id)
    expect(tab.locator("[data-state]")).to_have_attribute("data-state", "completed", timeout=10_000)
    expect(tab.locator("#recommendation")).to_contain_text("Parameter groups")
    expect(tab.locator("[data-plot] .legend")).to_contain_text("width 128")
    expect(tab.locator("pre")).to_be_visible()  # what the reader opened stays open
    assert tab.evaluate("window.notReloaded")


def test_everything_of_a_page_can_be_reached_by_its_landmarks_and_headings(
    tab: Page, finished: tuple[Served, str]
) -> None:
    open_study(tab, *finished)
    expect(tab.get_by_role("navigation", name="Main")).to_be_visible()
    expect(tab.get_by_role("main")).to_be_visible()
    headings = [
        "Progress",
        "Train loss against learning rate, by width",
        "Recommendation for width 256, depth 1, batch 16, for a run of 4,096 tokens"
        " (the proxies': yours was not given)",
        "Coordinate check",
        "Trials",
    ]
    for heading in headings:
        expect(tab.get_by_role("region", name=heading, exact=True)).to_be_visible()
    expect(tab.get_by_role("heading", level=1)).to_have_text("eight times wider")
