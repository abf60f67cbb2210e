"""Pages of the service itself: who works on what, whose turn is next, what it costs."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from tests.app.pages.accessibility import violations
from tests.app.pages.test_pages import page
from tests.app.served import Served
from tuner.spec.states import StudyState
from tuner.storage.heartbeats import Beat, store_beats
from tuner.storage.sql.tables import OrderRow


def at_work(served: Served) -> str:
    """A study that one slot works for, beside an idle slot and one in trouble; its id."""
    study_id = served.submit(name="<b>wide")
    served.advance(study_id, StudyState.MEASURING)
    with served.database.write() as session:
        training = select(OrderRow.id).where(OrderRow.kind == "train")
        beats = [
            Beat("tuner", "cpu"),
            Beat("cuda-0", "H100", order_id=session.scalars(training).first()),
            Beat("cuda-1", "H100"),
            Beat("cuda-2", "H100", problem="out of memory"),
        ]
        store_beats(session, beats)
    return study_id


def test_workers_are_said_to_work_on_studies_and_never_on_orders(served: Served) -> None:
    study_id = at_work(served)
    told = {one["name"]: one for one in served.client.get("/v1/workers").json()["workers"]}
    works_on = {name: one["words"]["works_on"] for name, one in told.items()}
    idle = dict.fromkeys(("cuda-1", "cuda-2"), "idle")
    assert works_on == {"tuner": "coordinates", "cuda-0": "trains for <b>wide", **idle}
    assert (told["cuda-0"]["study_id"], told["cuda-1"]["study_id"]) == (study_id, None)
    assert told["cuda-2"]["words"]["state"] == "⚠ out of memory"
    text = page(served.client, "/workers")
    assert f'<a href="/studies/{study_id}">trains for &lt;b&gt;wide</a>' in text
    assert told["cuda-0"]["order_id"] not in text


def test_the_queue_names_studies_in_the_order_of_their_turns(served: Served) -> None:
    assert "No study waits" in page(served.client, "/queue")
    at_work(served)
    waiting = served.submit(name="next")
    places = served.client.get("/v1/queue").json()["places"]
    text = page(served.client, "/queue")
    shown = re.findall(r'rowheader"><a href="/studies/(\w+)"', text)
    assert shown == [place["study_id"] for place in places]
    assert f'<a href="/studies/{waiting}">next</a>' in text
    for place in places:
        assert (place["pending_reason"] or "") in text


def test_the_cost_is_that_of_the_api_by_what_the_address_says(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    used = served.client.get("/v1/usage?group_by=study").json()
    text = page(served.client, "/cost")
    (row,) = used["rows"]
    assert f'<a href="/studies/{study_id}">{row["study_name"]}</a>' in text
    assert f'class="n">{row["orders"]:,}</td>' in text
    assert "No price is set" in text
    (day,) = served.client.get("/v1/usage?group_by=day").json()["rows"]
    assert f'rowheader">{day["name"]}</th>' in page(served.client, "/cost?group_by=day&days=7")


@pytest.mark.browser
def test_pages_of_the_service_are_accessible_in_both_themes_and_on_a_telephone(
    served: Served, tab: Page
) -> None:
    at_work(served)
    for path in ("/workers", "/queue", "/cost", "/compare", "/docs"):
        tab.set_viewport_size({"width": 1280, "height": 900})
        tab.emulate_media(color_scheme="light")
        tab.goto(f"{served.address}{path}")
        assert violations(tab) == []
        tab.emulate_media(color_scheme="dark")
        tab.set_viewport_size({"width": 390, "height": 800})
        assert violations(tab) == []
        expect(tab.locator("html")).to_have_js_property("scrollWidth", 390)
