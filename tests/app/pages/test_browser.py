"""The study page in a real browser: it draws, stays current, and breaks no rule of its own."""

import csv

import pytest
from playwright.sync_api import Locator, Page, expect

from app.dashboard.study_pages import TABS
from tests.app.pages.accessibility import violations
from tests.app.served import Served
from tuner.spec.states import StudyState

pytestmark = pytest.mark.browser


def saved(tab: Page, plot: Locator, kind: str) -> bytes:
    """What a plot's button saves."""
    with tab.expect_download() as file:
        plot.get_by_role("button", name=kind).click()
    return file.value.path().read_bytes()


def open_study(tab: Page, served: Served, study_id: str, page: str = "transfer") -> None:
    tab.goto(f"{served.address}/studies/{study_id}/{page}")
    tab.wait_for_selector("[data-ready]", state="attached")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_completed_study_shows_its_curves_and_where_the_target_is_expected(
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
    expect(plot.locator(".legend")).to_contain_text("optimum expected at width 256")
    assert tab.get_by_role("button", name="Share chart").count() == 0  # to plotly's own cloud
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
    expect(tab.locator("#transfer")).to_contain_text("No trial has ended yet")
    tab.evaluate("window.notReloaded = true")
    tab.get_by_text("Progress by phase").click()
    served.advance(study_id, StudyState.SEARCHING)
    state = tab.locator("[data-state]")
    expect(state).to_have_attribute("data-state", "searching")
    expect(tab.locator("#announcer")).to_have_text(f"{study_id} is now searching.")
    served.advance(study_id)
    expect(state).to_have_attribute("data-state", "completed")
    expect(tab.locator("[data-plot] .legend")).to_contain_text("width 128")
    expect(tab.locator(".verdict")).to_contain_text("⚠ recommended with caution")
    expect(tab.get_by_text("Coordinate check").last).to_be_visible()  # what was opened stays open
    assert tab.evaluate("window.notReloaded")


@pytest.mark.parametrize("page", list(TABS))
def test_no_page_of_a_study_breaks_a_rule_of_accessibility_or_is_cut_off_on_a_telephone(
    tab: Page, finished: tuple[Served, str], page: str
) -> None:
    open_study(tab, *finished, page)
    assert violations(tab) == []
    for plot in tab.locator("[data-files]").all():
        picture, table = (saved(tab, plot, kind) for kind in ("PNG", "CSV"))
        assert picture.startswith(b"\x89PNG")
        columns, *rows = csv.reader(table.decode().splitlines())
        assert rows
        assert {len(row) for row in rows} == {len(columns)}
    tab.emulate_media(color_scheme="dark")
    assert violations(tab) == []
    tab.set_viewport_size({"width": 390, "height": 800})
    expect(tab.locator("html")).to_have_js_property("scrollWidth", 390)  # plots are drawn anew


def test_a_study_that_looked_at_its_dynamics_has_a_tab_that_draws_them(
    tab: Page, served: Served
) -> None:
    study_id = served.submit(dynamics={"looks": 3}, search={"trials": 4}, control="none")
    served.advance(study_id)
    open_study(tab, served, study_id)
    tab.get_by_role("link", name="Landscape").click()
    tab.wait_for_selector("[data-ready]", state="attached")
    edge, noise = (tab.locator(f'[data-dynamics="{kind}"]') for kind in ("edge", "noise"))
    expect(edge.locator(".legend")).to_contain_text("edge of stability")
    expect(noise.locator(".legend")).to_contain_text("batch of the proxies, 16")
    expect(tab.locator('[data-dynamics="plane"] .contourlayer .contour')).to_have_count(3)
    looks = tab.locator("[data-files]").first
    columns, first, *_ = csv.reader(saved(tab, looks, "CSV").decode().splitlines())
    assert dict(zip(columns, first, strict=True))["noise_scale"] == "80"
    assert violations(tab) == []
    tab.emulate_media(color_scheme="dark")
    assert violations(tab) == []
    tab.set_viewport_size({"width": 390, "height": 800})
    expect(tab.locator("html")).to_have_js_property("scrollWidth", 390)


def test_on_a_telephone_what_stands_under_the_plots_of_a_study_does_not_cover_them(
    tab: Page, finished: tuple[Served, str]
) -> None:
    open_study(tab, *finished)
    tab.set_viewport_size({"width": 390, "height": 800})
    plot = tab.locator("[data-plot]")
    expect(plot.locator(".main-svg").first).to_have_attribute("height", "720")
    drawn = plot.locator(".svg-container").bounding_box()
    words = tab.locator("figcaption").first.bounding_box()
    assert drawn is not None
    assert words is not None
    assert drawn["y"] + 720 <= words["y"]


def test_curves_are_read_smoothed_and_zoomed_and_the_address_keeps_how(
    tab: Page, finished: tuple[Served, str]
) -> None:
    open_study(tab, *finished, "curves?smooth=0.5&scale=log")
    expect(tab.locator("#curves-note")).to_have_text("92 curves")
    expect(tab.locator("#smooth")).to_have_value("0.5")
    expect(tab.locator("#scale")).to_have_value("log")
    canvas = tab.locator("#curves canvas").last
    box = canvas.bounding_box()
    assert box is not None
    drawn = "document.querySelector('#curves canvas').toDataURL()"
    before = tab.evaluate(drawn)
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 - 14)
    expect(tab.locator("#curve-read")).to_contain_text("updates")
    tab.get_by_role("button", name="Zoom in").click()
    tab.wait_for_function(f"{drawn} !== {before!r}")
    tab.locator("#metric").select_option("validation_loss")
    tab.wait_for_url("**/curves?metric=validation_loss&smooth=0.5&scale=log")


def test_a_form_is_copied_with_one_click(tab: Page, finished: tuple[Served, str]) -> None:
    served, study_id = finished
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_study(tab, served, study_id, "configuration?format=yaml")
    expect(tab.locator("#export-files")).to_have_attribute("data-form", "yaml")
    tab.get_by_role("button", name="Copy").click()
    expect(tab.locator("#copied")).to_have_text("Copied.")
    expect(tab.locator("#export-words")).not_to_be_empty()
    wanted = served.client.get(f"/v1/studies/{study_id}/recommendation?format=yaml").text
    assert tab.evaluate("navigator.clipboard.readText()") == wanted


def test_an_answer_is_stored_and_rejected_by_keyboard_alone(
    tab: Page, reviewed: tuple[Served, str]
) -> None:
    open_study(tab, *reviewed, "configuration")
    tab.get_by_role("button", name="Store this answer").press("Enter")
    tab.wait_for_selector("main.certificate[data-ready]", state="attached")
    assert violations(tab) == []
    tab.get_by_label("Who decides").press_sequentially("Kim")
    tab.keyboard.press("Tab")
    tab.keyboard.type("the proxies are too short")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab.locator("#decision-title ~ p")).to_contain_text("Rejected by Kim")
    expect(tab.locator("#decision-title ~ p")).to_contain_text("the proxies are too short")


def test_everything_of_a_page_can_be_reached_by_its_landmarks_and_headings(
    tab: Page, finished: tuple[Served, str]
) -> None:
    open_study(tab, *finished)
    expect(tab.get_by_role("navigation", name="Main")).to_be_visible()
    expect(tab.get_by_role("main")).to_be_visible()
    expect(tab.get_by_role("heading", level=1)).to_have_text("eight times wider")
    tabs = tab.get_by_role("navigation", name="Of this study")
    for title in (one.title for one in TABS.values()):
        tabs.get_by_role("link", name=title).click()
        expect(tabs.locator("[aria-current=page]")).to_have_text(title)
        expect(tab.get_by_role("heading", level=2).first).to_be_visible()


def test_a_study_is_paused_resumed_and_stopped_by_keyboard_once_asked(
    served: Served, tab: Page
) -> None:
    study_id = served.submit(name="watched")
    served.advance(study_id, StudyState.SEARCHING)
    open_study(tab, served, study_id, "asked")
    state = tab.locator("[data-state]")
    tab.get_by_role("button", name="Pause").press("Enter")
    expect(tab.get_by_role("button", name="Resume")).to_be_focused()
    expect(state).to_have_attribute("data-state", "paused")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("button", name="Pause")).to_be_focused()
    tab.get_by_role("button", name="Stop").press("Enter")
    dialog = tab.get_by_role("dialog")
    expect(dialog).to_contain_text("Stop this study for good?")
    assert violations(tab) == []
    tab.keyboard.press("Escape")
    expect(state).to_have_attribute("data-state", "searching")
    tab.get_by_role("button", name="Stop").press("Enter")
    dialog.get_by_role("button", name="Stop").press("Enter")
    expect(state).to_have_attribute("data-state", "cancelled")
    expect(tab.locator("[data-action]")).to_have_count(0)


def test_an_axis_that_is_dragged_along_keeps_the_trials_that_pass_there(
    tab: Page, finished: tuple[Served, str]
) -> None:
    open_study(tab, *finished, "importance?optimizer=adamw&parameter=learning_rate")
    expect(tab.locator("#importance-note")).to_contain_text("8 trials of the search, 7 of them")
    expect(tab.locator("#importance")).to_contain_text("100 %")
    axes = tab.locator("#parallel canvas").last
    axes.scroll_into_view_if_needed()
    box = axes.bounding_box()
    assert box is not None
    loss = box["x"] + box["width"] - 56
    tab.mouse.move(loss, box["y"] + 35)
    tab.mouse.down()
    tab.mouse.move(loss, box["y"] + 60)
    tab.mouse.up()
    kept = tab.locator("#parallel-read")
    expect(kept).to_have_text("1 of 7 trials are kept")
    tab.mouse.click(loss, box["y"] + 60)
    expect(kept).not_to_contain_text("kept")
