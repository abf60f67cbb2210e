"""A database with two owners: one whose keys the cases are sent with, and one to keep hidden."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import optuna

from app.settings import AppSettings
from tests.app.access.keyed import client_of, made_key
from tests.app.coordinated import Coordinated
from tests.app.served import Served, serving
from tuner.spec.access import Scope, permitted
from tuner.spec.states import StudyState
from tuner.storage.sql.connections import sqlite_url
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate

HIDDEN: Final = "quokka"
"""A word in every text of the hidden owner, and in no other."""
optuna.logging.set_verbosity(optuna.logging.WARNING)

SETTINGS: Final = AppSettings(requests_per_minute=10_000_000)


Ids = Mapping[str, tuple[str, ...]]
"""Ids of things, by the name that paths give them."""


class Owned(NamedTuple):
    """The records of one owner, and a key of theirs."""

    ids: Ids
    secret: str


class Sender(NamedTuple):
    """The sender of cases."""

    name: str
    secret: str | None
    scopes: frozenset[Scope]
    ids: Ids
    """Ids of the things that they may reach."""

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.secret is None else {"Authorization": f"Bearer {self.secret}"}


@dataclass(frozen=True)
class Prepared:
    """A database file, and what is in it."""

    path: Path
    described: str
    """The API's description of itself, as JSON."""
    senders: tuple[Sender, ...]
    others: Owned


def prepared(folder: Path) -> Prepared:
    """Make the database: an owner whose studies are tried, and one whose studies stay hidden."""
    path = folder / "prepared.db"
    migrate(sqlite_url(path))
    database = open_database(sqlite_url(path))
    with serving(database, SETTINGS) as served:
        secrets = {
            scope: made_key(database, scope, owner="tried")[1]
            for scope in (Scope.READ, Scope.SUBMIT, Scope.WORKER, Scope.ADMIN)
        }
        own = _owned(served, "tried", "seen", StudyState.COMPLETED)
        others = _owned(served, "hidden", HIDDEN, StudyState.MEASURING)
        with client_of(served, own.secret) as client:
            link = _made(client, f"/v1/studies/{own.ids['study_id'][0]}/share-links", {})
        described = served.client.get("/openapi.json").text
    database.close()
    shared = {**own.ids, "study_id": own.ids["study_id"][:1], "webhook_id": ()}
    senders = (
        *(Sender(scope, secret, permitted([scope]), own.ids) for scope, secret in secrets.items()),
        Sender("share link", link["secret"], frozenset({Scope.READ}), shared),
        Sender("no key", None, frozenset(), own.ids),
    )
    return Prepared(path, described, senders, others)


def _owned(served: Served, owner: str, word: str, until: StudyState) -> Owned:
    """A study in a state, a queued one, one with a leased trial; an answer, a link, a key."""
    _, secret = made_key(served.database, "submit", "worker", owner=owner)
    spare, _ = made_key(served.database, "read", owner=owner)
    with client_of(served, secret) as client:
        theirs = replace(served, client=client)
        about = {"name": word, "project": word, "labels": {word: word}}
        small = {"control": "none", "search": {"trials": 4}, "measure": {"grid_points": 5}}
        measured = theirs.submit(**about, **small)
        theirs.advance(measured, until)
        external = Coordinated(theirs, **about)
        order = external.lease()["order"]
        kept = _made(client, f"/v1/studies/{measured}/recommendations", {})
        decision = {"by": word, "note": word}
        client.post(f"/v1/recommendations/{kept['id']}:approve", json=decision).raise_for_status()
        link = _made(client, f"/v1/studies/{measured}/share-links", {"name": word})
        hook = _made(client, "/v1/webhooks", {"url": f"https://example.com/{word}"})
        ids = {
            "webhook_id": (hook["id"],),
            "study_id": (measured, theirs.submit(**about), external.study),
            "order_id": (order,),
            "recommendation_id": (kept["id"],),
            "link_id": (link["id"],),
            "key_id": (spare.id,),
        }
    return Owned(ids, secret)


def _made(client: httpx.Client, path: str, body: dict[str, str]) -> dict[str, str]:
    made: dict[str, str] = client.post(path, json=body).raise_for_status().json()
    return made


@contextlib.contextmanager
def served_copy(made: Prepared, folder: Path) -> Iterator[Served]:
    """A service over a copy of the database."""
    path = folder / "copy.db"
    shutil.copyfile(made.path, path)
    database = open_database(sqlite_url(path))
    try:
        with serving(database, SETTINGS) as served:
            yield served
    finally:
        database.close()


def seen_by_hidden(served: Served, others: Owned) -> dict[str, object]:
    """The hidden owner's studies, which no case may change."""
    seen: dict[str, object] = {}
    with client_of(served, others.secret) as client:
        seen["webhooks"] = client.get("/v1/webhooks").json()
        for study in others.ids["study_id"]:
            told = client.get(f"/v1/studies/{study}").json()
            seen[study] = [told[name] for name in ("version", "state", "labels", "priority")]
            for part in ("trials", "share-links", "given-trials"):
                seen[f"{study}/{part}"] = client.get(f"/v1/studies/{study}/{part}").json()
        for kept in others.ids["recommendation_id"]:
            seen[kept] = client.get(f"/v1/recommendations/{kept}").json()
    return seen
