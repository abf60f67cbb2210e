"""Query parameters that a route does not know, or that are repeated, are refused by name."""

import httpx
import pytest

from app.http.problems import PROBLEM_JSON
from tests.app.described import operations
from tests.app.served import Served

PAGES = ["/", "/studies/std_nobody", "/workers", "/docs"]


def readable() -> list[str]:
    return [path for method, path in operations() if method == "GET"]


def refused(response: httpx.Response, name: str) -> str:
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == PROBLEM_JSON
    (error,) = response.json()["errors"]
    assert (error["in"], error["pointer"]) == ("query", f"/{name}")
    return str(error["detail"])


@pytest.mark.parametrize("path", [*readable(), *PAGES])
def test_every_route_refuses_a_parameter_that_it_does_not_know(
    untouched: Served, path: str
) -> None:
    address = path.replace("{study_id}", "std_nobody")
    response = untouched.client.get(address, params={"widht": "512"})
    assert "unknown parameter" in refused(response, "widht")


@pytest.mark.parametrize("method", ["cancel", "pause", "resume"])
def test_actions_take_no_parameter(untouched: Served, method: str) -> None:
    response = untouched.client.post(f"/v1/studies/std_nobody:{method}?force=1")
    assert "this route takes no query parameters" in refused(response, "force")


def test_a_refusal_says_what_the_route_takes(untouched: Served) -> None:
    detail = refused(untouched.client.get("/v1/studies?stat=queued"), "stat")
    assert "this route takes state, kind, page_size," in detail
    detail = refused(untouched.client.get("/v1/studies/std_1/recommendation?form=yaml"), "form")
    assert detail.endswith("width, depth, batch_size, tokens, optimizer, format")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/studies?page_size=5&page_size=5", "page_size"),
        ("/v1/studies/std_1/recommendation?width=64&width=128", "width"),
        ("/v1/studies/std_1/events?after=1&after=2", "after"),
        ("/?page_token=a&page_token=b", "page_token"),
    ],
)
def test_a_repeated_parameter_is_refused_where_one_is_read(
    untouched: Served, path: str, name: str
) -> None:
    assert refused(untouched.client.get(path), name) == "given 2 times: give it once"


def test_filters_may_be_repeated(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    both = served.client.get(f"/v1/studies/{study_id}/trials?purpose=search&purpose=control")
    assert {trial["purpose"] for trial in both.json()["trials"]} == {"search", "control"}
