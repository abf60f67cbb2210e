"""Define what a request may do, and in whose name."""

from typing import Final, NamedTuple

from starlette.requests import HTTPConnection

from tuner.spec.access import Scope
from tuner.storage.access.keys import ApiKey
from tuner.storage.sql.viewers import Viewer


class Access(NamedTuple):
    """Who asks."""

    scopes: frozenset[Scope]
    """Those that they have, with all that each brings along."""
    viewer: Viewer | None
    """Whose studies they reach; None: everybody's, on a service without keys."""
    key: ApiKey | None = None
    """The key that was shown, or that the browser's session began with."""
    csrf_token: str | None = None
    """What a browser's session has to send with every change; None for a key itself."""

    @property
    def owner(self) -> str | None:
        """Whose studies they may work on; None: everybody's."""
        return None if self.viewer is None else (self.viewer.owner or "")


KEYLESS: Final = Access(frozenset(Scope), None)
"""Of everybody, on a service that nobody has made a key for."""
NOBODY: Final = Access(frozenset(), Viewer(None))
"""Of a path that is open to everybody."""


def access_of(connection: HTTPConnection) -> Access:
    """Who sends a request."""
    access: Access = connection.scope["access"]
    return access
