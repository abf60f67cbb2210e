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


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-28T16:00:00Z",
        "2026-11-28T21:30:00%2B05:30",
        "2026-11-28T21:30:00+05:30",  # the + arrives as a space
        "2026-11-28%2016:00:00Z",
        "2026-11-28T10:30:00.5-05:30",
    ],
)
def test_times_are_taken_with_any_zone(untouched: Served, moment: str) -> None:
    assert untouched.client.get(f"/v1/studies?created_after={moment}").status_code == 200
    usage = untouched.client.get(f"/v1/usage?since={moment}").json()
    assert usage["since"].startswith("2026-11-28T16:00:00")


@pytest.mark.parametrize("moment", ["1764374400", "-1", "1764374400000", "yesterday", "2026-11-28"])
def test_what_is_no_time_is_refused_with_one(untouched: Served, moment: str) -> None:
    detail = refused(untouched.client.get(f"/v1/usage?until={moment}"), "until")
    assert detail == "must be a time with its zone, such as 2026-11-28T16:00:00Z"


def test_a_time_without_a_zone_is_told_to_name_one(untouched: Served) -> None:
    detail = refused(untouched.client.get("/v1/usage?until=2026-11-28T16:00:00"), "until")
    assert detail == "must name its time zone, as 2026-11-28T16:00:00Z does"


@pytest.mark.parametrize(
    ("query", "name", "words"),
    [
        ("page_size=ten", "page_size", "must be a whole number"),
        ("page_size=0", "page_size", "must be greater than or equal to 1"),
        (f"page_token={'x' * 501}", "page_token", "must have at most 500 characters"),
    ],
)
def test_limits_are_told_without_names_of_types(
    untouched: Served, query: str, name: str, words: str
) -> None:
    assert refused(untouched.client.get(f"/v1/studies?{query}"), name) == words


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1e11", None),
        ("1.5E3", None),
        ("100000000000.0", None),
        ("1.5", "must be a whole number"),
        ("1e-2", "must be a whole number"),
        ("1e30", "must be less than or equal to 1000000000000000000"),
        ("1e999999999999", "must be a whole number"),
        ("nan", "must be a whole number"),
        ("0", "must be greater than or equal to 1"),
    ],
)
def test_a_target_is_asked_for_as_people_write_large_numbers(
    untouched: Served, written: str, said: str | None
) -> None:
    answer = untouched.client.get(f"/v1/recommendations:search?tokens={written}")
    if said is None:
        assert answer.status_code == 200, answer.text
    else:
        assert refused(answer, "tokens") == said


def test_a_body_has_numbers_all_the_same(untouched: Served) -> None:
    body = {"family": {"name": "mlp"}, "target": {"width": 512, "tokens": "1e11"}}
    (error,) = untouched.client.post("/v1/studies:preview", json=body).json()["errors"]
    assert error["pointer"] == "/target/tokens"
    assert error["detail"] == "must be a number, not text: leave out quotes"
