"""Define what the API takes and shows of keys and share links."""

import datetime as dt
from typing import Annotated

from pydantic import ConfigDict, Field

from parametrization.recommendation.record import Record
from tuner.spec.access import Owner, Scope
from tuner.spec.submitted import ReadableText, Submitted
from tuner.storage.access.keys import ApiKey
from tuner.storage.access.share_links import ShareLink

Days = Annotated[int, Field(ge=1, le=3650)]
Label = Annotated[ReadableText, Field(max_length=200)]


class KeyAsked(Submitted):
    """A key to make."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"owner": "vision-team", "scopes": ["submit"], "name": "CI", "expires_in_days": 90}
            ]
        }
    )

    owner: Owner
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)]
    """Scopes of the key; `submit` and `worker` bring `read` along, `admin` everything."""
    name: Label = ""
    """Purpose of the key, for people."""
    expires_in_days: Days | None = None
    """Null: it does not expire."""
    requests_per_minute: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Null: the service's own limit. Leases and reports of trainers are not counted."""
    studies_per_day: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Studies that it may queue in any 24 hours; null: any number."""


class KeyRead(Record):
    id: str
    prefix: str
    """Beginning of its newest secret, by which people recognise the key."""
    owner: str
    name: str
    scopes: tuple[Scope, ...]
    requests_per_minute: int | None
    studies_per_day: int | None
    created_by: str | None
    """The key that made it; null where it was made on the service's machine."""
    created_at: dt.datetime
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None


class KeyMade(KeyRead):
    secret: str
    """The key itself: shown once, stored nowhere."""


class KeyList(Record):
    keys: tuple[KeyRead, ...]
    """Newest first, including expired and revoked keys."""
    next_page_token: str | None
    """Give it as `page_token` to go on; null on the last page."""


class RotationAsked(Submitted):
    """The settings of a key's rotation."""

    overlap_seconds: Annotated[int, Field(ge=0, le=2_592_000)] = 0
    """Seconds for which earlier secrets stay valid beside the new one."""


class Me(Record):
    """The sender of a request, as the service knows them."""

    key: KeyRead | None
    """Null on a service without keys, and with a share link."""
    owner: str | None
    """Owner whose studies are seen; null on a service without keys, which shows all, and with a
    share link."""
    scopes: tuple[Scope, ...]
    """Scopes, including those that each brings along."""


class LinkAsked(Submitted):
    """A share link to make."""

    name: Label = ""
    """Recipient of the link, for people."""
    expires_in_days: Annotated[int, Field(ge=1, le=365)] = 30


class LinkRead(Record):
    id: str
    study_id: str
    name: str
    prefix: str
    created_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None


class LinkMade(LinkRead):
    secret: str
    """Opens the study's GETs as a bearer key; shown once, stored nowhere."""
    path: str
    """For a browser: opens the study's page on this host."""


class LinkList(Record):
    share_links: tuple[LinkRead, ...]
    """Newest first, including expired and revoked links."""


def key_read(key: ApiKey) -> KeyRead:
    """A key as the API shows it."""
    return KeyRead(**{name: getattr(key, name) for name in KeyRead.model_fields})


def link_read(link: ShareLink) -> LinkRead:
    """A share link as the API shows it."""
    return LinkRead(**{name: getattr(link, name) for name in LinkRead.model_fields})
