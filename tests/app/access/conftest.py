"""Clients of a service that has keys: an administrator, and two owners."""

from collections.abc import Iterator

import httpx
import pytest

from tests.app.access.keyed import client_of, made_key
from tests.app.served import Served


@pytest.fixture
def admin(served: Served) -> Iterator[httpx.Client]:
    with client_of(served, made_key(served.database, owner="operator")[1]) as client:
        yield client


@pytest.fixture
def ana(served: Served) -> Iterator[httpx.Client]:
    with client_of(served, made_key(served.database, "submit", "worker", owner="ana")[1]) as client:
        yield client


@pytest.fixture
def ben(served: Served) -> Iterator[httpx.Client]:
    with client_of(served, made_key(served.database, "submit", "worker", owner="ben")[1]) as client:
        yield client
