"""A coordinate check that stands alone has a page and a row that say so."""

import re

import httpx

from app.dashboard.study_pages import TABS
from tests.app.served import Served


def page(client: httpx.Client, path: str) -> str:
    response = client.get(path, headers={"accept": "text/html"})
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.text)


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
