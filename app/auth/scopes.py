"""Define the scope that each route needs, and refuse requests without it."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from fastapi import Request
from starlette.exceptions import HTTPException

from app.auth.access import access_of
from tuner.spec.access import Scope

OPEN: Final = re.compile(
    r"/(healthz|readyz|openapi\.json|docs|login|logout|v1/version|assets/.*|shared/.*)"
)
"""Paths that need no key: what supervisors ask, what describes the service, and the way in."""


class _Rule(NamedTuple):
    methods: frozenset[str]
    path: re.Pattern[str]
    scope: Scope


_ANY: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_POST: Final = frozenset({"POST"})
_RULES: Final = (
    _Rule(_ANY, re.compile(r"/v1/api-keys(?:[/:].*)?"), Scope.ADMIN),
    _Rule(_POST, re.compile(r"/v1/studies/[^/]+:lease"), Scope.WORKER),
    _Rule(_POST, re.compile(r"/v1/orders/[^/]+/reports"), Scope.WORKER),
    _Rule(_POST, re.compile(r"/v1/studies/[^/]+/coordinate-check"), Scope.WORKER),
    _Rule(
        _POST, re.compile(r"/v1/(studies|coordinate-checks):preview"), Scope.READ
    ),  # stores nothing
    _Rule(_POST, re.compile(r"/v1/studies/[^/]+/recommendation"), Scope.READ),  # likewise
    _Rule(frozenset({"GET"}), re.compile(r".*"), Scope.READ),
)
"""The first rule that fits decides; a request that fits none changes something."""


def is_open(path: str) -> bool:
    """True if a path needs no key."""
    return OPEN.fullmatch(path) is not None


def scope_of(method: str, path: str) -> Scope:
    """The scope that a request needs.

    >>> scope_of("POST", "/v1/studies/std_1:lease")
    <Scope.WORKER: 'worker'>

    """
    fitting = (rule for rule in _RULES if method in rule.methods and rule.path.fullmatch(path))
    return next((rule.scope for rule in fitting), Scope.SUBMIT)


def is_report(method: str, path: str) -> bool:
    """True if a trainer leases or reports; such requests are bounded by the training there is."""
    return scope_of(method, path) is Scope.WORKER


async def require_scope(request: Request) -> None:
    """Depend on this to have a route used by those alone whose key permits it.

    Raises:
        HTTPException: 403 otherwise.

    """
    path = request.scope["path"]
    if is_open(path):
        return
    wanted, access = scope_of(request.method, path), access_of(request)
    if wanted not in access.scopes:
        raise HTTPException(403, refusal(wanted, access.scopes))


def refusal(wanted: Scope, scopes: Iterable[Scope]) -> str:
    """A sentence that names the missing scope."""
    has = ", ".join(sorted(scopes)) or "none"
    return f"This needs a key with the scope {wanted}; this one permits {has}."
