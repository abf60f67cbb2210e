"""Open the database as a process starts; where it cannot be served, end with what to do.

Others than this machine are not served without keys.
"""

import ipaddress
import sys

from tuner.records.errors import TunerError
from tuner.storage.access.keys import has_keys
from tuner.storage.sql.database import Database, open_database, require_current


def open_or_exit(process: str, url: str) -> Database:
    """The database, once it is there and fits this code; exit status 1 in words otherwise."""
    try:
        database = open_database(url)
        require_current(database)
    except (TunerError, ValueError) as error:
        sys.exit(f"{process}: {error}")
    return database


def require_keys(database: Database, host: str, *, keyless: bool) -> None:
    """Check that a service that others can reach has keys.

    Args:
        host: interface that it listens on.
        keyless: the operator confirms that a proxy in front authenticates.

    Raises:
        ValueError: if it has none, with what to do about it.

    """
    if keyless or is_loopback(host):
        return
    with database.read() as session:
        if has_keys(session):
            return
    raise ValueError(
        f"WIDTHWISE_HOST (--host) is {host}, which other machines can reach, and there is no key:"
        " anybody could use the service. Make one with `widthwise keys create`, or listen on"
        " 127.0.0.1; set WIDTHWISE_KEYLESS=true if a proxy in front authenticates"
    )


def is_loopback(host: str) -> bool:
    """True if only this machine reaches the interface.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)

    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
