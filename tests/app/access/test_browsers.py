"""Browsers: a key is exchanged for a cookie, other sites' pages change nothing, links share one."""

from collections.abc import Iterator

import httpx
import pytest

from tests.app.access.keyed import client_of, made_key, submitted
from tests.app.served import SPEC, Served
from tests.patience import PATIENCE_SECONDS


@pytest.fixture
def browser(served: Served) -> Iterator[httpx.Client]:
    headers = {"accept": "text/html"}
    with httpx.Client(
        base_url=served.address, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS
    ) as client:
        yield client


def log_in(browser: httpx.Client, secret: str, way_back: str = "/") -> httpx.Response:
    return browser.post("/login", data={"key": secret, "next": way_back})


def test_a_page_leads_to_the_log_in_and_back(browser: httpx.Client, served: Served) -> None:
    _, secret = made_key(served.database, "submit")
    asked = browser.get("/workers?x=1")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/login?next=%2Fworkers%3Fx%3D1"
    form = browser.get(asked.headers["location"])
    assert 'value="/workers?x=1"' in form.text
    entered = log_in(browser, f" {secret}\n", "/workers")
    assert (entered.status_code, entered.headers["location"]) == (303, "/workers")
    assert browser.get("/workers").status_code == 200


def test_the_sessions_cookie_is_hidden_from_scripts_and_holds_no_key(
    browser: httpx.Client, served: Served
) -> None:
    _, secret = made_key(served.database)
    cookies = log_in(browser, secret).headers.get_list("set-cookie")
    (session,) = [cookie for cookie in cookies if cookie.startswith("widthwise_session=")]
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert secret not in "".join(cookies)


def test_a_wrong_key_opens_no_session(browser: httpx.Client, served: Served) -> None:
    _, secret = made_key(served.database)
    for wrong in ("", "nonsense", secret[:-1], "ä"):
        refused = log_in(browser, wrong)
        assert refused.status_code == 401
        assert 'role="alert"' in refused.text
        assert not browser.cookies
    assert browser.post("/login", content=b"\xff").status_code == 401


@pytest.mark.parametrize(
    "elsewhere", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere", "", "/\n//x"]
)
def test_the_log_in_leads_to_this_host_alone(
    elsewhere: str, browser: httpx.Client, served: Served
) -> None:
    _, secret = made_key(served.database)
    assert log_in(browser, secret, elsewhere).headers["location"] == "/"


def test_a_session_changes_something_with_its_csrf_token_alone(
    browser: httpx.Client, served: Served
) -> None:
    _, secret = made_key(served.database, "submit")
    log_in(browser, secret)
    for token in ("", "0" * 64, "ä"):
        headers = {b"x-csrf-token": token.encode()}
        refused = browser.post("/v1/studies", json=SPEC, headers=headers)
        assert refused.status_code == 403
        assert refused.json()["type"] == "urn:widthwise:problem:csrf-token-missing"
    good = {"x-csrf-token": browser.cookies["widthwise_csrf"]}
    assert browser.post("/v1/studies", json=SPEC, headers=good).status_code == 202


def test_another_origin_changes_nothing_even_with_the_token(
    browser: httpx.Client, served: Served
) -> None:
    _, secret = made_key(served.database, "submit")
    log_in(browser, secret)
    headers = {"x-csrf-token": browser.cookies["widthwise_csrf"], "origin": "http://evil.example"}
    assert browser.post("/v1/studies", json=SPEC, headers=headers).status_code == 403


def test_a_session_ends_with_log_out_and_with_its_key(
    browser: httpx.Client, served: Served, admin: httpx.Client
) -> None:
    key, secret = made_key(served.database)
    log_in(browser, secret)
    kept = dict(browser.cookies)
    assert browser.post("/logout").headers["location"] == "/login"
    assert httpx.get(f"{served.address}/v1/me", cookies=kept, trust_env=False).status_code == 401
    log_in(browser, secret)
    assert browser.get("/v1/me").status_code == 200
    admin.post(f"/v1/api-keys/{key.id}:revoke")
    assert browser.get("/v1/me").status_code == 401


def test_a_service_without_keys_has_nothing_to_log_in_to(browser: httpx.Client) -> None:
    assert browser.get("/login").headers["location"] == "/"


def test_a_share_link_opens_one_study_to_read(
    ana: httpx.Client, browser: httpx.Client, served: Served
) -> None:
    study_id, other = submitted(ana), submitted(ana)
    link = ana.post(f"/v1/studies/{study_id}/share-links", json={"name": "review"}).json()
    opened = browser.get(link["path"])
    assert opened.headers["location"] == f"/studies/{study_id}"
    page = browser.get(f"/studies/{study_id}")
    assert page.status_code == 200
    assert "data-action" not in page.text
    assert 'id="store"' not in browser.get(f"/studies/{study_id}/configuration").text
    with client_of(served, link["secret"]) as shared:
        for visitor in (browser, shared):
            listed = visitor.get("/v1/studies").json()["studies"]
            assert [study["id"] for study in listed] == [study_id]
            assert visitor.get(f"/v1/studies/{study_id}/trials").status_code == 200
            assert visitor.get(f"/v1/studies/{other}").status_code == 404
            assert visitor.post(f"/v1/studies/{study_id}:pause").status_code in (401, 403)
            assert visitor.post("/v1/studies", json=SPEC).status_code in (401, 403)
    shown = ana.get(f"/v1/studies/{study_id}/share-links")
    assert link["secret"] not in shown.text


def test_a_share_link_is_seen_beside_ones_own_studies_and_changes_nothing(
    ana: httpx.Client, browser: httpx.Client, served: Served
) -> None:
    study_id = submitted(ana)
    link = ana.post(f"/v1/studies/{study_id}/share-links").json()
    log_in(browser, made_key(served.database, "submit", owner="ben")[1])
    browser.get(link["path"])
    headers = {"x-csrf-token": browser.cookies["widthwise_csrf"]}
    bens = browser.post("/v1/studies", json=SPEC, headers=headers).json()["id"]
    listed = browser.get("/v1/studies").json()["studies"]
    assert {study["id"] for study in listed} == {study_id, bens}
    cancelled = browser.post(f"/v1/studies/{study_id}:cancel", headers=headers)
    assert cancelled.status_code == 404


def test_a_revoked_share_link_opens_nothing(
    ana: httpx.Client, browser: httpx.Client, ben: httpx.Client
) -> None:
    study_id = submitted(ana)
    link = ana.post(f"/v1/studies/{study_id}/share-links").json()
    browser.get(link["path"])
    path = f"/v1/studies/{study_id}/share-links/{link['id']}:revoke"
    assert ben.post(path).status_code == 404
    assert ana.post(path).json()["revoked_at"] is not None
    assert browser.get("/v1/studies").status_code == 401
    assert browser.get(link["path"]).status_code == 404
    assert ana.post(f"/v1/studies/{study_id}/share-links/shr_1:revoke").status_code == 404


def test_a_share_link_whose_answer_was_lost_is_made_once(ana: httpx.Client, served: Served) -> None:
    path = f"/v1/studies/{submitted(ana)}/share-links"
    key = {"idempotency-key": "review of monday"}
    lost, again = (ana.post(path, json={"name": "review"}, headers=key).json() for _ in range(2))
    assert again["id"] == lost["id"]
    assert [one["id"] for one in ana.get(path).json()["share_links"]] == [lost["id"]]
    for secret, status in ((lost["secret"], 401), (again["secret"], 200)):
        with client_of(served, secret) as visitor:
            assert visitor.get("/v1/studies").status_code == status
    other = ana.post(path, json={"name": "another"}, headers=key)
    assert other.status_code == 422
    assert other.json()["type"] == "urn:widthwise:problem:idempotency-key-reused"
    ana.post(f"{path}/{lost['id']}:revoke")
    ended = ana.post(path, json={"name": "review"}, headers=key).json()
    assert ended["revoked_at"] is not None  # asked for again, it is still ended
    elsewhere = f"/v1/studies/{submitted(ana)}/share-links"
    assert ana.post(elsewhere, json={"name": "x"}, headers=key).json()["id"] != lost["id"]
