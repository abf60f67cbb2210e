"""Keys: made, listed, rotated, revoked, and found by the secret that a request sends."""

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from parametrization.recommendation.record import Record
from tuner.records.access_errors import ApiKeyNotFound, ApiKeyRevoked
from tuner.records.errors import IdempotencyKeyReused
from tuner.spec.access import Owner, Scope
from tuner.storage.access.secrets import KEY, Secret, digest, new_secret
from tuner.storage.requests import page_tokens
from tuner.storage.sql.access_tables import ApiKeyRow, ApiKeySecretRow


class KeyWanted(Record):
    """The fields that a caller chooses for a new key."""

    owner: Owner
    scopes: tuple[Scope, ...]
    name: str = ""
    requests_per_minute: int | None = None
    studies_per_day: int | None = None


class ApiKey(KeyWanted):
    """A key without its secret."""

    id: str
    prefix: str
    """Prefix of its newest secret, by which people recognise the key."""
    created_by: str | None
    created_at: dt.datetime
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None

    def is_usable(self, now: dt.datetime) -> bool:
        """True if the key is neither revoked nor expired at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class StoredSecret(NamedTuple):
    """The stored SHA-256 of a secret, its expiry, and the key it belongs to."""

    sha256: str
    expires_at: dt.datetime | None
    key: ApiKey


class KeyPage(NamedTuple):
    """A page of keys, newest first, and the token of the next page."""

    keys: tuple[ApiKey, ...]
    next_page_token: str | None


class Request(NamedTuple):
    """The key that asks for a new key, and the request's idempotency key."""

    created_by: str | None
    idempotency_key: str | None

    @property
    def stored_key(self) -> str | None:
        """SHA-256 by which a repeated request is recognised; None without an idempotency key."""
        if self.idempotency_key is None:
            return None
        return digest(f"{self.created_by}\0{self.idempotency_key}")


ON_THIS_MACHINE: Final = Request(None, None)


def has_keys(session: Session) -> bool:
    """True if a key was ever made; from then on every request needs one."""
    return session.scalar(select(ApiKeyRow.id).limit(1)) is not None


def create_key(
    session: Session,
    wanted: KeyWanted,
    request: Request = ON_THIS_MACHINE,
    *,
    expires_at: dt.datetime | None = None,
) -> tuple[ApiKey, Secret]:
    """Make a key and its secret, which is stored nowhere.

    A request that is repeated with its idempotency key gives the key that it has made, with a new
    secret in place of the one whose answer was lost.

    Raises:
        IdempotencyKeyReused: if the idempotency key was used with another request.

    """
    now = dt.datetime.now(dt.UTC)
    asked_by = request.stored_key
    if asked_by is not None:
        row = session.scalar(select(ApiKeyRow).where(ApiKeyRow.request_key == asked_by))
        if row is not None:
            if _wanted(row) != wanted:
                raise IdempotencyKeyReused(str(request.idempotency_key))
            return rotate_key(session, row.id, overlap=dt.timedelta(0))
    row = ApiKeyRow(
        id=f"key_{secrets.token_hex(8)}",
        created_by=request.created_by,
        request_key=asked_by,
        created_at=now,
        expires_at=expires_at,
        **wanted.model_dump(),
    )
    row.scopes = [scope.value for scope in wanted.scopes]
    session.add(row)
    session.flush()
    secret = _add_secret(session, row.id, now)
    return get_key(session, row.id), secret


def get_key(session: Session, key_id: str) -> ApiKey:
    """Read a key.

    Raises:
        ApiKeyNotFound: if there is none of that id.

    """
    return _record(session, _row(session, key_id))


def list_keys(session: Session, *, page_size: int, page_token: str | None = None) -> KeyPage:
    """Read a page of keys, newest first, including expired and revoked ones.

    Raises:
        BadPageToken: if the token is not one that this function gave.

    """
    query = select(ApiKeyRow)
    if page_token is not None:
        place = tuple_(ApiKeyRow.created_at, ApiKeyRow.id)
        query = query.where(place < tuple_(*page_tokens.read(page_token)))
    newest_first = query.order_by(ApiKeyRow.created_at.desc(), ApiKeyRow.id.desc())
    rows = list(session.scalars(newest_first.limit(page_size + 1)))
    page = rows[:page_size]
    return KeyPage(
        tuple(_record(session, row) for row in page),
        page_tokens.write(page[-1].created_at, page[-1].id) if len(rows) > page_size else None,
    )


def rotate_key(session: Session, key_id: str, *, overlap: dt.timedelta) -> tuple[ApiKey, Secret]:
    """Give a key a new secret; those before stay valid for the overlap and no longer.

    Raises:
        ApiKeyNotFound: if there is none of that id.
        ApiKeyRevoked: if it opens nothing any more.

    """
    row, now = _row(session, key_id), dt.datetime.now(dt.UTC)
    if not _record(session, row).is_usable(now):
        raise ApiKeyRevoked(key_id)
    until = now + overlap
    session.execute(
        update(ApiKeySecretRow)
        .where(
            ApiKeySecretRow.key_id == key_id,
            or_(ApiKeySecretRow.expires_at.is_(None), ApiKeySecretRow.expires_at > until),
        )
        .values(expires_at=until)
    )
    secret = _add_secret(session, key_id, now)
    return get_key(session, key_id), secret


def revoke_key(session: Session, key_id: str) -> ApiKey:
    """Revoke a key for good; revoking it again changes nothing.

    Raises:
        ApiKeyNotFound: if there is none of that id.

    """
    row = _row(session, key_id)
    if row.revoked_at is None:
        row.revoked_at = dt.datetime.now(dt.UTC)
    return _record(session, row)


def find_secret(session: Session, prefix: str) -> StoredSecret | None:
    """The stored secret with this prefix; None if there is none."""
    row = session.get(ApiKeySecretRow, prefix)
    if row is None:
        return None
    return StoredSecret(row.sha256, row.expires_at, get_key(session, row.key_id))


def note_uses(session: Session, uses: Mapping[str, dt.datetime]) -> None:
    """Store the times at which keys were last used."""
    for key_id, at in uses.items():
        session.execute(
            update(ApiKeyRow)
            .where(
                ApiKeyRow.id == key_id,
                or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < at),
            )
            .values(last_used_at=at)
        )


def _row(session: Session, key_id: str) -> ApiKeyRow:
    row = session.get(ApiKeyRow, key_id)
    if row is None:
        raise ApiKeyNotFound(key_id)
    return row


def _add_secret(session: Session, key_id: str, now: dt.datetime) -> Secret:
    secret = new_secret(KEY)
    session.add(
        ApiKeySecretRow(prefix=secret.prefix, key_id=key_id, sha256=secret.sha256, created_at=now)
    )
    session.flush()
    return secret


def _wanted(row: ApiKeyRow) -> KeyWanted:
    return KeyWanted(**{name: getattr(row, name) for name in KeyWanted.model_fields})


def _record(session: Session, row: ApiKeyRow) -> ApiKey:
    # The one without an end of its own: a rotation ends all before it.
    newest = select(func.max(ApiKeySecretRow.prefix)).where(
        ApiKeySecretRow.key_id == row.id, ApiKeySecretRow.expires_at.is_(None)
    )
    stored = {name: getattr(row, name) for name in ApiKey.model_fields if name != "prefix"}
    return ApiKey(prefix=session.scalar(newest) or "", **stored)
