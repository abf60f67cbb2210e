"""Create, list, rotate and revoke keys on the service's own machine, in its database.

The first key of a service is made here: write access to the database is enough.
"""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from service.settings import settings_or_exit
from tuner.records.errors import TunerError
from tuner.spec.access import Owner, Scope
from tuner.storage.access import keys
from tuner.storage.access.keys import ApiKey, KeyWanted
from tuner.storage.access.secrets import Secret
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate

_PROGRAM: Final = "widthwise keys"
_OWNER: Final = TypeAdapter(Owner)
_PAGE: Final = 500


def main() -> None:
    """Do what the arguments say; exit status 1 where it cannot be done."""
    arguments = _parser().parse_args()
    settings = settings_or_exit(_PROGRAM, data_dir=arguments.data_dir)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        migrate(settings.url)
        with _written(settings.url) as session:
            said = _done(session, arguments)
    except (OSError, TunerError, ValueError) as error:
        sys.exit(f"{_PROGRAM}: {error}")
    sys.stdout.write(said + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_PROGRAM, description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key; its secret is shown once")
    create.add_argument("--owner", default="local", help="whose studies it reaches; default: local")
    create.add_argument(
        "--scope",
        action="append",
        type=Scope,
        choices=list(Scope),
        help="may be repeated; default: admin, which permits everything",
    )
    create.add_argument("--name", default="", help="purpose of the key")
    create.add_argument("--expires-in-days", type=_positive, help="default: it does not expire")
    create.add_argument("--requests-per-minute", type=_positive, help="default: the service's")
    create.add_argument("--studies-per-day", type=_positive, help="default: any number")
    listing = commands.add_parser("list", help="keys of every owner, newest first")
    rotate = commands.add_parser("rotate", help="give a key a new secret")
    rotate.add_argument("key_id", metavar="KEY_ID")
    rotate.add_argument(
        "--overlap-seconds", type=int, default=0, help="how long the old secret stays valid"
    )
    revoke = commands.add_parser("revoke", help="end a key for good")
    revoke.add_argument("key_id", metavar="KEY_ID")
    for command in (create, listing, rotate, revoke):
        command.add_argument("--data-dir", type=Path, help="the service's; default: its settings'")
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


@contextmanager
def _written(url: str) -> Iterator[Session]:
    database = open_database(url)
    try:
        with database.write() as session:
            yield session
    finally:
        database.close()


def _done(session: Session, arguments: argparse.Namespace) -> str:
    match arguments.command:
        case "create":
            return _made(*_create(session, arguments), as_json=arguments.json)
        case "rotate":
            overlap = dt.timedelta(seconds=max(0, arguments.overlap_seconds))
            made = keys.rotate_key(session, arguments.key_id, overlap=overlap)
            return _made(*made, as_json=arguments.json)
        case "revoke":
            key = keys.revoke_key(session, arguments.key_id)
            return _json(key) if arguments.json else f"{key.id} opens nothing any more"
        case _:
            return _listed(session, as_json=arguments.json)


def _create(session: Session, arguments: argparse.Namespace) -> tuple[ApiKey, Secret]:
    try:
        owner = _OWNER.validate_python(arguments.owner)
    except ValidationError as error:
        raise ValueError(
            f"--owner {arguments.owner!r} cannot be an owner: use 1 to 80 letters, digits and . _ @"
            " -, beginning with a letter or digit"
        ) from error
    days = arguments.expires_in_days
    wanted = KeyWanted(
        owner=owner,
        scopes=tuple(dict.fromkeys(arguments.scope or [Scope.ADMIN])),
        name=arguments.name,
        requests_per_minute=arguments.requests_per_minute,
        studies_per_day=arguments.studies_per_day,
    )
    ends = None if days is None else dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    return keys.create_key(session, wanted, expires_at=ends)


def _made(key: ApiKey, secret: Secret, *, as_json: bool) -> str:
    if as_json:
        return _json(key, secret=secret.text)
    return (
        f"{secret.text}\n\n"
        f"{key.id}, {_words(key)}. The secret above is shown this once and stored nowhere: give\n"
        "it to clients as WIDTHWISE_API_KEY. From now on every request to this service needs a key."
    )


def _listed(session: Session, *, as_json: bool) -> str:
    found: list[ApiKey] = []
    token = None
    while True:
        page = keys.list_keys(session, page_size=_PAGE, page_token=token)
        found += page.keys
        if (token := page.next_page_token) is None:
            break
    if as_json:
        return json.dumps({"keys": [key.model_dump(mode="json") for key in found]})
    now = dt.datetime.now(dt.UTC)
    return "\n".join(_line(key, now) for key in found) or "no key was ever made: no key is needed"


def _line(key: ApiKey, now: dt.datetime) -> str:
    state = "usable" if key.is_usable(now) else ("revoked" if key.revoked_at else "expired")
    used = "never used" if key.last_used_at is None else f"used {key.last_used_at:%Y-%m-%d %H:%M}"
    return f"{key.id}  {key.prefix}...  {state}, {used}, {_words(key)}"


def _words(key: ApiKey) -> str:
    scopes = ", ".join(key.scopes)
    until = "" if key.expires_at is None else f", until {key.expires_at:%Y-%m-%d %H:%M} UTC"
    return f"{scopes} of {key.owner}{f' ({key.name})' if key.name else ''}{until}"


def _json(key: ApiKey, **more: Any) -> str:  # noqa: ANN401  JSON
    return json.dumps(key.model_dump(mode="json") | more)


if __name__ == "__main__":
    main()
