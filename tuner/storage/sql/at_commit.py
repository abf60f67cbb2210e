"""Gather what a transaction writes when it is committed, and what is said once it has been."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy.orm import Session

T = TypeVar("T")
_GATHERED: Final = "gathered until the commit"
_TOLD: Final = "told after the commit"


def at_commit(session: Session, write: Callable[[Session, list[T]], None]) -> list[T]:
    """The list that `write` is called with before the session's transaction is committed.

    One list for each function and transaction: a later call returns the same list.
    """
    gathered: dict[Any, list[Any]] = session.info.setdefault(_GATHERED, {})
    return gathered.setdefault(write, [])


def write_gathered(session: Session) -> None:
    """Write everything that this transaction has gathered."""
    gathered: dict[Any, list[Any]] = session.info.pop(_GATHERED, {})
    for write, what in gathered.items():
        write(session, what)


def after_commit(session: Session, tell: Callable[[], None]) -> None:
    """Call a function once the session's transaction has been committed."""
    session.info.setdefault(_TOLD, []).append(tell)


def tell_committed(session: Session) -> None:
    """Call everything that waits for this transaction to be committed."""
    for tell in session.info.pop(_TOLD, ()):
        tell()
