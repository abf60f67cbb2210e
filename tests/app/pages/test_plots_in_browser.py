"""Scripts of the pages place labels and ticks, and bring into view what is chosen."""

import itertools
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.app.pages.test_browser import open_study
from tests.app.served import Served

pytestmark = pytest.mark.browser

Box = tuple[float, float, float, float]

CROWDS: list[list[tuple[float, float, str]]] = [
    [(200, 100, "32"), (201, 104, "64"), (199, 110, "128")],
    [(200, 100, "4096"), (204, 100, "8192"), (208, 100, "16384"), (212, 100, "32768")],
    [(100, 50, "32"), (130, 60, "64"), (160, 70, "128")],
]
SPANS = [(13, 27), (2.5, 300), (1e-4, 1e-1), (1e-9, 1e9), (0.9, 1.1), (7, 80)]


def told_by(tab: Page, served: Served, module: str, call: str, given: object) -> Any:  # noqa: ANN401
    """What an expression over the exports of one of the page's own modules gives."""
    tab.goto(served.address)
    assets = re.search(r"/assets/\w+/", tab.content())
    assert assets is not None
    script = (
        f"async (given) => {{ const of = await import('{assets[0]}{module}'); return {call}; }}"
    )
    return tab.evaluate(script, given)


def test_labels_of_stars_that_stand_close_lie_neither_on_each_other_nor_on_a_star(
    tab: Page, untouched: Served
) -> None:
    crowds = [[{"x": x, "y": y, "text": text} for x, y, text in crowd] for crowd in CROWDS]
    call = "given.map(of.labelPlaces)"
    placed = told_by(tab, untouched, "plots/labels.js", call, crowds)
    for crowd, places in zip(CROWDS, placed, strict=True):
        boxes = [box(point, place) for point, place in zip(crowd, places, strict=True)]
        stars = [(x - 6, x + 6, y - 6, y + 6) for x, y, _ in crowd]
        for one, other in [*itertools.combinations(boxes, 2), *itertools.product(boxes, stars)]:
            assert not overlap(one, other), (crowd, places)


def test_ticks_of_a_logarithmic_axis_are_few_round_numbers_written_in_full(
    tab: Page, untouched: Served
) -> None:
    call = "given.map((span) => [of.logTicks(...span), of.logAxis(span).ticktext])"
    for span, (ticks, written) in zip(
        SPANS, told_by(tab, untouched, "plots/ticks.js", call, SPANS), strict=True
    ):
        assert 2 <= len(ticks) <= 8
        assert ticks == sorted(ticks)
        assert all(span[0] <= tick <= span[1] for tick in ticks)
        assert all(float(f"{tick:.3g}") == tick for tick in ticks)
        assert not {"", "NaN"} & set(written)
    axis = told_by(tab, untouched, "plots/ticks.js", "of.logAxis(given)", [13, 600])
    assert axis["ticktext"] == ["20", "50", "100", "200", "500"]


def test_on_a_telephone_the_tab_that_is_shown_is_in_view_and_the_bar_is_one_line(
    tab: Page, finished: tuple[Served, str]
) -> None:
    tab.set_viewport_size({"width": 390, "height": 800})
    open_study(tab, *finished, "asked")
    expect(tab.locator(".tabs [aria-current]")).to_be_in_viewport(ratio=0.9)
    assert tab.evaluate("scrollY") == 0
    places = tab.locator(".places a")
    assert len({place.bounding_box()["y"] for place in places.all()}) == 1  # type: ignore[index]
    tab.goto(f"{finished[0].address}/docs")
    expect(tab.locator(".places [aria-current]")).to_be_in_viewport(ratio=0.9)


def box(point: tuple[float, float, str], place: str) -> Box:
    """Left, right, top and bottom of a label of 12 pixels, where plotly draws it."""
    x, y, text = point
    upright, across = place.split()
    width = 7 * len(text)
    left = {"left": x - 10 - width, "center": x - width / 2, "right": x + 10}[across]
    top = y - 22 if upright == "top" else y + 10
    return left, left + width, top, top + 12


def overlap(a: Box, b: Box) -> bool:
    return max(a[0], b[0]) < min(a[1], b[1]) and max(a[2], b[2]) < min(a[3], b[3])


def test_where_every_trial_diverged_no_loss_stands_at_the_axis(tab: Page, served: Served) -> None:
    study_id = served.submit(control="none")
    served.advance(study_id, moves=lambda _: -40.0)
    tab.goto(f"{served.address}/studies/{study_id}")
    tab.wait_for_selector("[data-ready]", state="attached")
    plot = tab.locator("[data-plot]")
    expect(plot).to_contain_text("every trial diverged")
    expect(plot.locator(".xtick")).not_to_have_count(0)
    expect(plot.locator(".ytick")).to_have_count(0)
