"""The compose files and the image hold what running in containers takes."""

import re
from typing import Any

import pytest

from service.settings import Settings
from tests.service.compose import ROOT, services
from tuner.storage.sql.connections import database_url

PASSWORD = "p@ss/w:%rd#?"
VARIABLES = {"POSTGRES_PASSWORD": PASSWORD, "WIDTHWISE_ALLOWED_HOSTS": "tune.example"}
OWN_IMAGES = {"migrate", "api", "tuner", "standby"}


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    return services("docker-compose.yml", VARIABLES)


def test_every_part_of_the_service_is_there(composed: dict[str, Any]) -> None:
    assert composed.keys() == OWN_IMAGES | {"postgres"}
    assert composed["standby"] == composed["tuner"]
    assert composed["migrate"]["restart"] == "no"


def test_every_service_that_stays_is_restarted_and_has_a_health_check(
    composed: dict[str, Any],
) -> None:
    staying = composed.keys() - {"migrate"}
    assert {name for name in staying if "healthcheck" not in composed[name]} == set()
    assert {composed[name]["restart"] for name in staying} == {"unless-stopped"}


def test_images_are_pinned(composed: dict[str, Any]) -> None:
    for service in composed.values():
        assert re.fullmatch(r"[a-z-]+:\d+\.\d+[\w.-]*", service["image"])
    stages = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", stages[0])
    assert set(stages[1:]) == {"base"}


def test_all_data_are_in_named_volumes(composed: dict[str, Any]) -> None:
    mounted = [volume.split(":") for one in composed.values() for volume in one.get("volumes", ())]
    assert {name for name, _ in mounted} == {"postgres", "data"}
    assert "VOLUME" not in (ROOT / "Dockerfile").read_text(), "each container would get its own"


def test_there_is_no_password_but_that_of_the_environment() -> None:
    with pytest.raises(KeyError, match="POSTGRES_PASSWORD"):
        services("docker-compose.yml", {})


def test_workers_alone_have_the_gpus_cuda_and_a_compiler(composed: dict[str, Any]) -> None:
    """Without a compiler torch falls back to uncompiled kernels, and says so in no log."""
    on_gpus = services("docker-compose.gpu.yml", {})
    assert on_gpus.keys() == {"tuner", "standby"}
    for worker in on_gpus.values():
        (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
        assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
        assert worker["build"]["target"] == "worker"
        assert worker["environment"]["WIDTHWISE_GPUS"] == "1"
    assert {composed[name]["build"]["target"] for name in OWN_IMAGES} == {"service"}
    stage = stages_of_image()
    assert "gcc" in stage["worker"]
    assert "gcc" not in stage["service"]
    assert "UV_TORCH_BACKEND=cpu" in stage["service"]
    assert "UV_TORCH_BACKEND" not in stage["base"] + stage["worker"]


def test_the_password_reaches_every_process_as_it_is_and_hosts_are_passed_on(
    composed: dict[str, Any],
) -> None:
    for name in OWN_IMAGES:
        environment = composed[name]["environment"]
        assert environment["PGPASSWORD"] == PASSWORD
        given = {
            "database_url": environment["WIDTHWISE_DATABASE_URL"],
            "allowed_hosts": environment["WIDTHWISE_ALLOWED_HOSTS"],
        }
        settings = Settings.model_validate(given)
        assert database_url(settings.url).host == "postgres"
        assert settings.allowed_hosts == ("127.0.0.1", "localhost", "api", "tune.example")


def test_no_container_runs_as_root() -> None:
    stage = stages_of_image()
    for name in ("service", "worker"):
        users = re.findall(r"^USER (\w+)", stage[name], re.MULTILINE)
        assert users == ["widthwise"]


def stages_of_image() -> dict[str, str]:
    """What each stage of the Dockerfile does, by its name."""
    parts = re.split(r"^FROM \S+ AS (\w+)$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
