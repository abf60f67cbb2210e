"""Coordinate checks alone and tables of losses have pages and rows that say what they are."""

import html
import re

from app.dashboard.study_pages import TABS
from tests.app.pages.test_pages import page
from tests.app.served import Served
from tests.app.test_sweeps import STEADY


def test_a_check_that_stands_alone_is_shown_as_one(served: Served) -> None:
    asked = {"family": {"name": "gpt", "depth": 1}, "name": "alone"}
    check = served.client.post("/v1/coordinate-checks", json=asked).json()
    searches = served.submit(name="searched")
    queued = page(served.client, f"/studies/{check['id']}")
    assert "◌ in progress" in queued
    served.advance(check["id"])
    shown = page(served.client, f"/studies/{check['id']}")
    assert "✔ check passed" in shown
    assert "checked alone, under μP, at the widths 64, 128, 256, 512" in shown
    assert "4 of 4 check runs" in shown
    assert "Slopes of" in shown
    assert 'aria-current="page">Coordinate check</a>' in shown
    for absent in ("tuned at width", "in the search", "/transfer", "Recommended"):
        assert absent not in shown
    listed = page(served.client, "/")
    assert "coordinate check alone" in listed
    assert "check-passed" in listed
    narrowed = page(served.client, "/?kind=search")
    assert searches in narrowed
    assert check["id"] not in narrowed
    assert check["id"] not in page(served.client, "/compare")
    for tab in TABS:
        page(served.client, f"/studies/{check['id']}/{tab}")


def test_a_check_that_fails_says_which_tensors_do_and_what_it_looks_like(served: Served) -> None:
    asked = {"family": {"name": "gpt", "depth": 1}}
    check = served.client.post("/v1/coordinate-checks", json=asked).json()
    served.advance(check["id"], hidden_growth=1.0)
    (found,) = served.client.get(f"/v1/coordinate-checks/{check['id']}").json()["checks"]
    failed = [one for one in found["tensors"] if one["passed"] is False]
    text = html.unescape(page(served.client, f"/studies/{check['id']}"))
    assert failed
    assert f"{len(failed)} of {len(found['tensors'])} tensors and activations fail" in text
    for cause in found["causes"]:
        assert cause in text
    for one in failed:
        words = one["words"].removeprefix(f"{one['tensor']}: ")
        assert f"<li><code>{one['tensor']}</code>: {words}</li>" in text
    assert found["summary"] not in text  # one sentence of all of them


def test_a_table_of_losses_is_answered_on_its_page_and_in_the_list(served: Served) -> None:
    (sweep,) = served.client.post("/v1/sweeps", json=STEADY).json()["sweeps"]
    text = page(served.client, f"/studies/{sweep['study_id']}")
    verdict = re.search(r'<p class="verdict">(.*?)</p>', text)
    assert verdict is not None
    said = re.search(
        r"✔ recommended</span>: learning rate ([\d.]+) at width 1,024, as the table counts it;"
        r" 90 % interval ([\d.]+) to ([\d.]+)\.",
        verdict[1],
    )
    assert said is not None
    rate = sweep["learning_rate"]
    for shown, exact in zip(said.groups(), (rate["value"], rate["low"], rate["high"]), strict=True):
        assert abs(float(shown) / exact - 1) < 0.1
    assert "runs at the widths 64, 128, 256 for width 1024" in text
    assert "A table shows no coordinate check" in text
    assert re.findall(rf'href="/studies/{sweep["study_id"]}/(\w+)"', text) == [
        "transfer",
        "trials",
        "asked",
    ]
    (listed,) = served.client.get("/v1/studies").json()["studies"]
    assert listed["standing"]["verdict"] == sweep["verdict"]
    trials = len(served.client.get(f"/v1/studies/{listed['id']}/trials").json()["trials"])
    words = listed["standing"]["words"]
    assert (words["trials"], words["best_loss"]) == (f"{trials} trials", "not searched")
    assert "✔ recommended" in page(served.client, "/")


def test_a_study_that_its_check_ended_opens_with_the_check(served: Served) -> None:
    study_id = served.submit()
    served.advance(study_id, hidden_growth=1.0)
    text = page(served.client, f"/studies/{study_id}")
    assert 'aria-current="page">Coordinate check</a>' in text
    assert '<p class="trouble">The coordinate check failed: ' in text
