"""The page of studies side by side: what the API says of them, in one table and one plot."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.app.pages.accessibility import violations
from tests.app.pages.test_pages import page
from tests.app.served import Served


@pytest.mark.browser
def test_studies_are_chosen_and_shown_side_by_side_for_one_width(served: Served, tab: Page) -> None:
    first = served.submit(name="first")
    served.advance(first)
    second = served.submit(name="second", search={"trials": 16})
    tab.goto(f"{served.address}/compare")
    tab.get_by_label("first").check()
    tab.get_by_label("second").check()
    tab.get_by_role("button", name="Compare").click()
    tab.wait_for_selector("[data-ready]", state="attached")
    expect(tab.locator("#compared")).to_contain_text("first, adamw, width 128")
    tab.get_by_label("Answers for the width").fill("512")
    tab.get_by_role("button", name="Show").click()
    tab.wait_for_url("**width=512*")
    tab.wait_for_selector("[data-ready]", state="attached")

    asked = f"ids={second},{first}&width=512"
    told = served.client.get(f"/v1/studies:compare?{asked}").json()
    answers = {one["study"]["id"]: one for one in told["studies"]}
    table = tab.get_by_role("table").first
    for group in answers[first]["answer"]["rates"]:
        expect(table).to_contain_text(f"{group['role']} {group['learning_rate']:.2g}")
    expect(table).to_contain_text(f"no answer: {answers[second]['problem']}")
    differing = tab.get_by_role("table").last
    expect(differing).to_contain_text(re.compile(r"/search/trials\s*(16\s*8|8\s*16)"))
    assert violations(tab) == []
    tab.emulate_media(color_scheme="dark")
    tab.set_viewport_size({"width": 390, "height": 800})
    assert violations(tab) == []
    expect(tab.locator("html")).to_have_js_property("scrollWidth", 390)


def test_a_comparison_of_too_few_offers_a_choice(served: Served) -> None:
    assert "There are no studies" in page(served.client, "/compare")
    study_id = served.submit(name="alone")
    assert "There is one study" in page(served.client, f"/compare?ids={study_id}")
    served.submit(name="another")
    text = page(served.client, f"/compare?ids={study_id}")
    assert re.search(rf'value="{study_id}" checked>', text)
    refused = served.client.get("/compare?ids=a,b", headers={"accept": "text/html"})
    assert refused.status_code == 404


def test_an_optimizer_that_one_study_has_alone_is_one_row_of_what_differs(served: Served) -> None:
    plain = served.submit(control="none")
    more = served.submit(
        control="none", optimizers=[{"name": "adamw"}, {"name": "sgd", "momentum": 0.8}]
    )
    text = page(served.client, f"/compare?ids={plain},{more}")
    rows = dict(re.findall(r"<tr><th scope=\"row\"><code>(\S+)</code></th>(.*?)</tr>", text))
    assert [place for place in rows if place.startswith("/optimizers")] == ["/optimizers/sgd"]
    alone, both = re.findall("<td>(.*?)</td>", rows["/optimizers/sgd"])
    assert alone == "not there"
    assert "name sgd, learning_rate/type float," in both
    assert "momentum 0.8" in both
