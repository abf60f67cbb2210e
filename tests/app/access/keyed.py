"""A service that has keys, and clients of several owners."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.app.served import SPEC, Served
from tests.patience import PATIENCE_SECONDS
from tuner.spec.access import Scope
from tuner.storage.access.keys import ApiKey, KeyWanted, create_key
from tuner.storage.sql.database import Database


def made_key(
    database: Database,
    *scopes: str,
    owner: str = "ana",
    requests_per_minute: int | None = None,
    studies_per_day: int | None = None,
) -> tuple[ApiKey, str]:
    """A key as `widthwise keys create` makes it, and its secret."""
    wanted = KeyWanted(
        owner=owner,
        scopes=tuple(map(Scope, scopes or ("admin",))),
        requests_per_minute=requests_per_minute,
        studies_per_day=studies_per_day,
    )
    with database.write() as session:
        key, secret = create_key(session, wanted)
    return key, secret.text


@contextmanager
def client_of(served: Served, secret: str) -> Iterator[httpx.Client]:
    """A client that sends a secret with every request."""
    headers = {"authorization": f"Bearer {secret}"}
    address = served.address
    with httpx.Client(
        base_url=address, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS
    ) as client:
        yield client


def submitted(client: httpx.Client) -> str:
    """The id of a study that the client queues."""
    answer = client.post("/v1/studies", json=SPEC)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])
