"""Keys: made, listed, rotated and revoked by those who administer the service."""

import datetime as dt
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response

from app.auth.access import Access
from app.dependencies import Db, IdempotencyKey, Known, Sender
from app.http.json_requests import JsonRoute
from app.http.write_turns import InTurn
from app.schemas.access import (
    KeyAsked,
    KeyList,
    KeyMade,
    KeyRead,
    Me,
    RotationAsked,
    key_read,
)
from tuner.records.access_errors import Keyless
from tuner.storage.access import keys
from tuner.storage.access.keys import ApiKey, KeyWanted, Request
from tuner.storage.access.secrets import Secret

router = APIRouter(prefix="/v1", tags=["access"], route_class=JsonRoute, dependencies=[InTurn])

KeyId = Annotated[
    str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="A key's id, `key_...`")
]
_LOCATION: Final = {
    "Location": {"description": "Path of the key", "schema": {"type": "string"}, "required": True}
}
_AT_ONCE: Final = RotationAsked()


@router.get("/me")
def read_me(sender: Sender) -> Me:
    """The sender as the service knows them: their key, owner and scopes."""
    key = None if sender.key is None else key_read(sender.key)
    return Me(key=key, owner=sender.owner or None, scopes=tuple(sorted(sender.scopes)))


@router.post("/api-keys", status_code=201, responses={201: {"headers": _LOCATION}})
def create_api_key(
    body: KeyAsked,
    response: Response,
    database: Db,
    sender: Sender,
    idempotency_key: IdempotencyKey = None,
) -> KeyMade:
    """Make a key. Its secret is in this answer and in no other.

    Sent again with the same `Idempotency-Key`, because the answer was lost, it gives the same key
    with a new secret. The first key is made on the service's machine: `widthwise keys create`.
    """
    administrator = _administrator(sender)
    asked = body.model_dump(exclude={"expires_in_days", "scopes"})
    lifetime, now = body.expires_in_days, dt.datetime.now(dt.UTC)
    with database.write() as session:
        key, secret = keys.create_key(
            session,
            KeyWanted(scopes=tuple(dict.fromkeys(body.scopes)), **asked),
            Request(administrator.id, idempotency_key),
            expires_at=None if lifetime is None else now + dt.timedelta(days=lifetime),
        )
    response.headers["Location"] = f"/v1/api-keys/{key.id}"
    return _made(key, secret)


@router.get("/api-keys")
def list_api_keys(
    database: Db,
    known: Known,
    page_size: Annotated[int, Query(ge=1, le=500)] = 50,
    page_token: Annotated[str | None, Query(max_length=500)] = None,
) -> KeyList:
    """Keys of every owner, newest first."""
    known.store_uses()
    with database.read() as session:
        page = keys.list_keys(session, page_size=page_size, page_token=page_token)
    return KeyList(
        keys=tuple(key_read(key) for key in page.keys), next_page_token=page.next_page_token
    )


@router.get("/api-keys/{key_id:id}")
def read_api_key(key_id: KeyId, database: Db, known: Known) -> KeyRead:
    """One key: what it permits, when it was last used, when it ends."""
    known.store_uses()
    with database.read() as session:
        return key_read(keys.get_key(session, key_id))


@router.post("/api-keys/{key_id}:rotate")
def rotate_api_key(
    key_id: KeyId, database: Db, known: Known, body: RotationAsked = _AT_ONCE
) -> KeyMade:
    """Give a key a new secret; the old one ends at once, or after `overlap_seconds`."""
    with database.write() as session:
        overlap = dt.timedelta(seconds=body.overlap_seconds)
        key, secret = keys.rotate_key(session, key_id, overlap=overlap)
    known.forget()
    return _made(key, secret)


@router.post("/api-keys/{key_id}:revoke")
def revoke_api_key(key_id: KeyId, database: Db, known: Known) -> KeyRead:
    """End a key for good, with its secrets and browsers' sessions."""
    with database.write() as session:
        key = keys.revoke_key(session, key_id)
    known.forget()
    return key_read(key)


def _administrator(sender: Access) -> ApiKey:
    """The key that asks: a service without keys gets its first on its own machine.

    Raises:
        Keyless: if there is none.

    """
    if sender.key is None:
        raise Keyless
    return sender.key


def _made(key: ApiKey, secret: Secret) -> KeyMade:
    return KeyMade(**key_read(key).model_dump(), secret=secret.text)
