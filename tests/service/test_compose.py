"""The compose files and the image: what they hold, and their commands run as processes here."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.patience import PATIENCE_SECONDS
from tests.service.compose import ROOT, services
from tests.service.own_postgres import OwnPostgres, own_postgres
from tests.service.processes import command_of, descendants_of, is_running, kill
from tests.service.running import wait_for
from tests.service.test_postgres_trouble import SMALL
from workers.slot.process import is_stopped

PASSWORD = "p@ss/w:%rd#?"
VARIABLES = {"POSTGRES_PASSWORD": PASSWORD, "WIDTHWISE_GPUS": "0", "WIDTHWISE_SLOTS": "1"}
OWN_IMAGES = {"migrate", "api", "tuner", "standby", "ray-head", "worker", "worker-cpu"}


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    return services("docker-compose.yml", VARIABLES)


def test_every_part_of_the_service_is_there(composed: dict[str, Any]) -> None:
    assert composed.keys() == OWN_IMAGES | {"postgres"}
    assert composed["standby"] == composed["tuner"]
    assert composed["worker-cpu"]["profiles"] == ["cpu"]
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
    elsewhere = services("docker-compose.gpu.yml", {"RAY_ADDRESS": "h:1", "WIDTHWISE_SHARED": "/d"})
    for worker in (composed["worker"], elsewhere["worker"]):
        (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
        assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
        assert worker["build"]["target"] == "worker"
    others = OWN_IMAGES - {"worker"}
    assert {composed[name]["build"]["target"] for name in others} == {"service"}
    assert not any("deploy" in composed[name] for name in others)
    stage = stages_of_image()
    assert "gcc" in stage["worker"]
    assert "gcc" not in stage["service"]
    assert "UV_TORCH_BACKEND=cpu" in stage["service"]
    assert "UV_TORCH_BACKEND" not in stage["base"] + stage["worker"]


def test_no_container_runs_as_root() -> None:
    stage = stages_of_image()
    for name in ("service", "worker"):
        users = re.findall(r"^USER (\w+)", stage[name], re.MULTILINE)
        assert users == ["widthwise"]


def stages_of_image() -> dict[str, str]:
    """What each stage of the Dockerfile does, by its name."""
    parts = re.split(r"^FROM \S+ AS (\w+)$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


class Containers:
    """Services of the compose file as processes with an address of their own on this machine.

    Args:
        composed: services as the file gives them.
        folder: of everything they write.

    """

    def __init__(self, composed: dict[str, Any], folder: Path) -> None:
        self._composed = composed
        self._folder = folder
        process = os.getpid()
        self.address = (
            f"127.{100 + process // 2**16 % 100}.{process // 2**8 % 2**8}.{process % 2**8}"
        )
        self._places = {
            "/data": str(folder / "data"),
            "/tmp/alive": str(folder / "alive"),
            "127.0.0.1:6379": "ray-head:6379",
            "--port=6379": "--port=0",
            "0.0.0.0": self.address,
            "127.0.0.1": self.address,
            "@postgres/": f"@{self.address}/",
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def found_ray(self, address: str) -> None:
        """Know where the head's port is, which is a free one here."""
        self._places["ray-head:6379"] = address

    def start(self, name: str) -> None:
        """Start a service's own command in its own environment."""
        service = self._composed[name]
        with (self._folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [self._here(word) for word in service["command"]],
                env=self._environment(name), cwd=ROOT,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def log(self, name: str) -> str:
        """What it has written."""
        return (self._folder / f"{name}.log").read_text()

    def is_healthy(self, name: str) -> bool:
        """Whether the service's own health check says so."""
        kind, *command = self._composed[name]["healthcheck"]["test"]
        assert kind == "CMD"
        command = [self._here(word) for word in command]
        ended = subprocess.run(
            command, env=self._environment(name), cwd=ROOT, capture_output=True, check=False
        )
        return ended.returncode == 0

    def becomes_healthy(self, name: str) -> None:
        """Wait until it is; shows its log if it ends instead."""

        def healthy() -> bool:
            assert self.running[name].poll() is None, self.log(name)
            return self.is_healthy(name)

        wait_for(f"the health of {name}", healthy)

    def stop(self) -> None:
        """Kill everything, and what has left its parent."""
        family = [pid for one in self.running.values() for pid in descendants_of(one.pid)]
        for one in self.running.values():
            one.kill()
            one.wait()
        folders = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        family += [int(pid) for pid in folders if str(self._folder) in command_of(int(pid))]
        for pid in family:
            kill(pid)
        wait_for("the end of all", lambda: not any(is_running(pid) for pid in family))

    def _environment(self, name: str) -> dict[str, str]:
        given = {key: self._here(text) for key, text in self._composed[name]["environment"].items()}
        paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": paths, "HOME": str(self._folder), "RAY_TMPDIR": str(self._folder)} | given

    def _here(self, text: str) -> str:
        for there, here in self._places.items():
            text = text.replace(there, here)
        return text


@pytest.fixture
def folder() -> Iterator[Path]:
    """Of a short name: that of a socket in it must not be long."""
    made = Path(tempfile.mkdtemp(prefix="ww-c-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def containers(composed: dict[str, Any], folder: Path) -> Iterator[Containers]:
    made = Containers(composed, folder)
    yield made
    made.stop()


@pytest.fixture
def postgres(containers: Containers) -> Iterator[OwnPostgres]:
    with own_postgres(containers.address, PASSWORD) as server:
        yield server


@pytest.mark.slow
@pytest.mark.postgres
def test_the_files_own_commands_and_environment_complete_a_study(
    containers: Containers, postgres: OwnPostgres
) -> None:
    containers.start("migrate")
    containers.start("ray-head")
    assert containers.running["migrate"].wait(PATIENCE_SECONDS) == 0, containers.log("migrate")
    containers.start("api")
    log = partial(containers.log, "ray-head")
    found = wait_for("the head", lambda: re.search(r"--address='([^']+)'", log()))
    containers.found_ray(found[1])
    containers.becomes_healthy("ray-head")
    containers.start("worker-cpu")
    containers.becomes_healthy("worker-cpu")
    containers.start("tuner")
    containers.becomes_healthy("api")
    containers.becomes_healthy("tuner")
    with httpx.Client(
        base_url=f"http://{containers.address}:8321", timeout=PATIENCE_SECONDS
    ) as client:
        answer = client.post("/v1/studies", json=SMALL)
        assert answer.status_code == 202, answer.text
        path = f"/v1/studies/{answer.json()['id']}"
        ended = ("completed", "failed", "cancelled")
        wait_for("its end", lambda: client.get(path).json()["state"] in ended)
        assert client.get(path).json()["state"] == "completed"
        assert client.get("/readyz").json()["slots"] == 1
        refused = client.get("/healthz", headers={"host": "elsewhere.example"})
        assert refused.status_code == 400
    tuner = containers.running["tuner"].pid
    os.kill(tuner, signal.SIGSTOP)
    wait_for("its standstill", lambda: is_stopped(tuner))
    os.utime(containers._folder / "alive", (0, 0))
    assert not containers.is_healthy("tuner")
