"""Keys: from their creation to their end, and what each scope permits."""

import datetime as dt
import re

import httpx
import pytest

from tests.app.access.keyed import client_of, made_key, submitted
from tests.app.served import SPEC, Served
from tuner.storage.sql.access_tables import ApiKeyRow, ApiKeySecretRow

WANTED = {"owner": "ana", "scopes": ["submit"], "name": "training scripts"}


def made(admin: httpx.Client, **fields: object) -> dict[str, str]:
    answer = admin.post("/v1/api-keys", json=WANTED | fields)
    assert answer.status_code == 201, answer.text
    document: dict[str, str] = answer.json()
    return document


def test_a_service_without_keys_lets_everybody_in(served: Served) -> None:
    assert served.client.get("/v1/studies").status_code == 200
    assert served.client.get("/v1/me").json()["owner"] is None


def test_the_first_key_is_made_on_the_services_machine(served: Served) -> None:
    answer = served.client.post("/v1/api-keys", json=WANTED)
    assert answer.status_code == 409
    assert "widthwise keys create" in answer.json()["detail"]


def test_once_there_is_a_key_every_request_needs_one(admin: httpx.Client, served: Served) -> None:
    assert admin.get("/v1/studies").status_code == 200
    for path in ("/v1/studies", "/v1/me", "/v1/api-keys", "/v1/nothing", "/studies/std_1"):
        refused = served.client.get(path)
        assert refused.status_code == 401, path
        assert refused.headers["www-authenticate"].startswith("Bearer")
    for path in ("/healthz", "/openapi.json", "/login", "/v1/version"):
        assert served.client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    "shown", ["nonsense", "wwk_aaaaaaaaaaaa_" + "b" * 43, "wws_aaaaaaaaaaaa_" + "b" * 43, "ä"]
)
def test_what_is_no_key_opens_nothing(shown: str, admin: httpx.Client, served: Served) -> None:
    headers = {b"authorization": f"Bearer {shown}".encode()}
    refused = served.client.get("/v1/studies", headers=headers)
    assert refused.status_code == 401
    assert shown not in refused.text


def test_a_keys_prefix_with_another_secret_opens_nothing(served: Served) -> None:
    _, secret = made_key(served.database)
    other = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    refused = served.client.get("/v1/studies", headers={"x-api-key": other})
    assert refused.status_code == 401
    assert served.client.get("/v1/studies", headers={"x-api-key": secret}).status_code == 200


def test_a_keys_life_from_creation_to_revocation(admin: httpx.Client, served: Served) -> None:
    key = made(admin)
    assert re.fullmatch(r"wwk_[a-z0-9]{12}_[A-Za-z0-9_-]{43}", key["secret"])
    assert key["secret"].startswith(key["prefix"])
    with client_of(served, key["secret"]) as client:
        assert client.get("/v1/me").json()["owner"] == "ana"
        submitted(client)
        shown = admin.get(f"/v1/api-keys/{key['id']}").json()
        assert shown["last_used_at"] is not None
        assert "secret" not in shown
        rotated = admin.post(f"/v1/api-keys/{key['id']}:rotate").json()
        assert client.get("/v1/me").status_code == 401
    with client_of(served, rotated["secret"]) as client:
        assert client.get("/v1/me").json()["key"]["id"] == key["id"]
        revoked = admin.post(f"/v1/api-keys/{key['id']}:revoke")
        assert revoked.json()["revoked_at"] is not None
        assert client.get("/v1/me").status_code == 401
    assert admin.post(f"/v1/api-keys/{key['id']}:revoke").json() == revoked.json()
    assert admin.post(f"/v1/api-keys/{key['id']}:rotate").status_code == 409


def test_a_rotated_keys_old_secret_lasts_for_the_overlap(
    admin: httpx.Client, served: Served
) -> None:
    key = made(admin)
    body = {"overlap_seconds": 3600}
    new = admin.post(f"/v1/api-keys/{key['id']}:rotate", json=body).json()["secret"]
    for secret in (key["secret"], new):
        with client_of(served, secret) as client:
            assert client.get("/v1/me").status_code == 200
    newer = admin.post(f"/v1/api-keys/{key['id']}:rotate").json()["secret"]
    for secret in (key["secret"], new):
        with client_of(served, secret) as client:
            assert client.get("/v1/me").status_code == 401
    with client_of(served, newer) as client:
        assert client.get("/v1/me").status_code == 200


def test_an_expired_key_opens_nothing(served: Served) -> None:
    key, secret = made_key(served.database)
    with served.database.write() as session:
        row = session.get_one(ApiKeyRow, key.id)
        row.expires_at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    with client_of(served, secret) as client:
        assert client.get("/v1/me").status_code == 401


def test_the_database_holds_no_secret(admin: httpx.Client, served: Served) -> None:
    secret = made(admin)["secret"]
    with served.database.read() as session:
        stored = [vars(row) for row in session.query(ApiKeySecretRow)]
    assert stored
    assert secret not in str(stored)
    assert secret.rpartition("_")[2] not in str(stored)


def test_a_repeated_request_gives_the_same_key_with_a_new_secret(
    admin: httpx.Client, served: Served
) -> None:
    headers = {"idempotency-key": "for-ana"}
    first = admin.post("/v1/api-keys", json=WANTED, headers=headers).json()
    again = admin.post("/v1/api-keys", json=WANTED, headers=headers).json()
    assert again["id"] == first["id"]
    assert again["secret"] != first["secret"]
    with client_of(served, again["secret"]) as client:
        assert client.get("/v1/me").status_code == 200
    other = admin.post("/v1/api-keys", json=WANTED | {"owner": "ben"}, headers=headers)
    assert other.status_code == 422


def test_keys_are_listed_page_by_page(admin: httpx.Client) -> None:
    ids = {made(admin, name=str(number))["id"] for number in range(3)}
    first = admin.get("/v1/api-keys", params={"page_size": 2}).json()
    token = first["next_page_token"]
    rest = admin.get("/v1/api-keys", params={"page_size": 2, "page_token": token}).json()
    listed = {key["id"] for key in first["keys"] + rest["keys"]}
    assert ids < listed
    assert len(listed) == 4
    assert rest["next_page_token"] is None


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"owner": ""}, "/owner"),
        ({"owner": "../ana"}, "/owner"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["root"]}, "/scopes/0"),
        ({"expires_in_days": 0}, "/expires_in_days"),
        ({"requests_per_minute": True}, "/requests_per_minute"),
        ({"secret": "mine"}, "/secret"),
    ],
)
def test_a_bad_field_is_named(fields: dict[str, object], pointer: str, admin: httpx.Client) -> None:
    refused = admin.post("/v1/api-keys", json=WANTED | fields)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("scope", "permitted"),
    [
        ("read", {"read"}),
        ("submit", {"read", "submit"}),
        ("worker", {"read", "worker"}),
        ("admin", {"read", "submit", "worker", "admin"}),
    ],
)
def test_a_scope_permits_what_it_says_and_no_more(
    scope: str, permitted: set[str], served: Served
) -> None:
    with client_of(served, made_key(served.database, scope)[1]) as client:
        answers = {
            "read": client.get("/v1/studies"),
            "submit": client.post("/v1/studies", json=SPEC),
            "worker": client.post("/v1/studies/std_1:lease", json={"worker": "w"}),
            "admin": client.get("/v1/api-keys"),
        }
    assert {name for name, answer in answers.items() if answer.status_code != 403} == permitted
    for name, answer in answers.items():
        if name not in permitted:
            assert f"scope {name}" in answer.json()["detail"]


def test_a_plain_report_needs_the_scope_worker(served: Served) -> None:
    report = {"attempt": 1, "step": 1, "train_loss": [1.0]}
    with client_of(served, made_key(served.database, "submit")[1]) as client:
        assert client.post("/v1/orders/ord_1/reports", json=report).status_code == 403
    with client_of(served, made_key(served.database, "worker")[1]) as client:
        assert client.post("/v1/orders/ord_1/reports", json=report).status_code == 404


def test_a_key_is_told_when_it_asks_too_often(served: Served) -> None:
    with client_of(served, made_key(served.database, requests_per_minute=3)[1]) as client:
        answers = [client.get("/v1/me") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
    assert answers[-1].headers["content-type"] == "application/problem+json"


def test_a_key_queues_as_many_studies_a_day_as_it_may(served: Served) -> None:
    _, secret = made_key(served.database, "submit", studies_per_day=2)
    with client_of(served, secret) as client:
        headers = {"idempotency-key": "first"}
        first = client.post("/v1/studies", json=SPEC, headers=headers)
        submitted(client)
        refused = client.post("/v1/studies", json=SPEC)
        again = client.post("/v1/studies", json=SPEC, headers=headers)
        listed = client.get("/v1/studies").json()["studies"]
    assert refused.status_code == 429
    assert 86_000 < int(refused.headers["retry-after"]) <= 86_400
    assert again.json()["id"] == first.json()["id"]
    assert len(listed) == 2
