"""Training in the tests' own process, under the conditions of a worker."""

import pytest

from workers.process import settle_torch


@pytest.fixture(scope="session", autouse=True)
def _settled_torch() -> None:
    settle_torch()
