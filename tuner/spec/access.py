"""Scopes of keys, and owners of studies."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field


class Scope(StrEnum):
    READ = "read"  # see the owner's studies and everything about them
    SUBMIT = "submit"  # queue, change and end studies, decide on recommendations
    WORKER = "worker"  # lease trials to train, and report about them
    ADMIN = "admin"  # make and revoke keys of every owner


IMPLIED: Final = {
    Scope.READ: {Scope.READ},
    Scope.SUBMIT: {Scope.READ, Scope.SUBMIT},
    Scope.WORKER: {Scope.READ, Scope.WORKER},
    Scope.ADMIN: set(Scope),
}
"""Scopes that each includes: permission to change a study includes permission to read it."""

Owner = Annotated[
    str,
    Field(
        min_length=1,
        max_length=80,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$",
        description="Owner of studies: a person or a team; `local` owns those made without a key",
        examples=["vision-team"],
    ),
]


def permitted(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Everything that these scopes permit.

    >>> sorted(permitted([Scope.SUBMIT]))
    [<Scope.READ: 'read'>, <Scope.SUBMIT: 'submit'>]

    """
    return frozenset().union(*(IMPLIED[scope] for scope in scopes))
