"""Services that several tests share."""

from collections.abc import Iterator

import pytest

from tests.widthwise.running import RunningService, running_service
from widthwise.client import Client

SPEC = {
    "name": "a study of nothing but arithmetic",
    "family": {"name": "gpt", "head_size": 16, "depth": 1},
    "target": {"width": 256},
    "proxy_width": 32,
    "search": {"trials": 4, "batch_size": 4},
    "measure": {"grid_points": 5},
    "control": "sp",
    "at_target": True,
}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service whose studies wait: nobody turns its coordinator."""
    with running_service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as connected:
        yield connected


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address of another service, and the id of its only study, which is completed."""
    with running_service(tmp_path_factory.mktemp("finished")) as running:
        with Client(running.address) as connected:
            study_id = str(connected.submit(SPEC)["id"])
        running.finish(study_id)
        yield running.address, study_id
