"""Define what the sender of a request may do, and as which owner."""

from typing import Final, NamedTuple

from starlette.requests import HTTPConnection

from tuner.spec.access import Scope
from tuner.storage.access.keys import ApiKey
from tuner.storage.sql.viewers import Viewer


class Access(NamedTuple):
    """The sender of a request: their scopes, the studies they reach, and their key."""

    scopes: frozenset[Scope]
    """Scopes of the sender, including those that each brings along."""
    viewer: Viewer | None
    """The viewer that decides which studies they reach; None on a service without keys: all."""
    key: ApiKey | None = None
    """The key that was shown, or that the browser's session began with."""
    csrf_token: str | None = None
    """Token that a browser's session must send with every change; None for a key itself."""

    @property
    def owner(self) -> str | None:
        """Owner whose studies they may work on: None is every owner, an empty name no owner."""
        return None if self.viewer is None else (self.viewer.owner or "")


KEYLESS: Final = Access(frozenset(Scope), None)
"""Access of everybody, on a service that never had a key."""
NOBODY: Final = Access(frozenset(), Viewer(None))
"""Access to a path that is open to everybody."""


def access_of(connection: HTTPConnection) -> Access:
    """The access of a request's sender, as the gate has noted it."""
    access: Access = connection.scope["access"]
    return access
