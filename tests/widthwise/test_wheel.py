"""The wheel beside the user's own torch, in an environment that holds nothing of the service."""

import importlib.metadata
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.widthwise.bare_environment import closure, make_environment, outside_environment
from widthwise.client import Client
from widthwise.recommendation import Recommendation

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = ("httpx", "numpy", "platformdirs", "pydantic", "pyyaml", "rich", "typer")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*command, "--directory", folder], cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of an environment with the wheel, what it requires, and torch."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    python = make_environment(folder, closure([*REQUIRED, "torch"]))
    uv = Path(sys.executable).with_name("uv")
    options = ("--quiet", "--no-deps", "--no-index", "--offline", "--python", python)
    subprocess.run([uv, "pip", "install", *options, wheel], check=True, capture_output=True)
    return python


@pytest.fixture(scope="module")
def seen(
    bare_python: Path, finished: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What a user's training script sees there, given a real recommendation for width 128."""
    folder = tmp_path_factory.mktemp("training")
    address, study_id = finished
    with Client(address) as client:
        document = client.recommendation(study_id, width=128)
    (folder / "recommendation.json").write_text(json.dumps(document))
    script = Path(__file__).with_name("training_script.py").read_text()
    (folder / "train.py").write_text(script)
    ran = subprocess.run(
        [bare_python, "train.py", "recommendation.json"],
        cwd=folder,
        env=outside_environment() | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def run(python: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python.with_name("widthwise"), *arguments],
        cwd=folder,
        env=outside_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_holds_client_and_rules_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
        (metadata,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        lines = archive.read(metadata).decode().splitlines()
        names = set(archive.namelist())
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "parametrization",
        "widthwise",
    }
    asked = [line for line in lines if line.startswith("Requires-Dist:")]
    required = [line.split()[1] for line in asked if "extra ==" not in line]
    assert {name.partition(">")[0] for name in required} == set(REQUIRED)
    assert "License-Expression: Apache-2.0" in lines
    assert {"widthwise/py.typed", "widthwise/__init__.pyi", "parametrization/py.typed"} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_a_training_script_finds_nothing_of_the_service(seen: dict[str, Any]) -> None:
    assert seen["importable"] == []


def test_the_client_loads_neither_torch_nor_the_command_line(seen: dict[str, Any]) -> None:
    assert {"torch", "typer", "rich"} & set(seen["loaded_by_the_client"]) == set()


def test_a_recommendation_trains_the_users_own_model(seen: dict[str, Any]) -> None:
    assert seen["losses"][-1] < 0.5 * seen["losses"][0]


def test_a_model_of_ones_own_is_scaled_and_trained_without_a_service(seen: dict[str, Any]) -> None:
    own = seen["own"]
    assert own["read_back"] is True
    assert own["multiplier"] == 0.25
    assert own["losses"][-1] < 0.5 * own["losses"][0]
    assert "blocks.*.weight" in own["table"]


def test_the_answer_about_a_built_in_family_brings_its_model(
    seen: dict[str, Any], finished: tuple[str, str]
) -> None:
    address, study_id = finished
    with Client(address) as client:
        document = client.recommendation(study_id, width=128)
    here = Recommendation.from_document(document).build(device="meta")
    assert seen["built_in_parameters"] == sum(p.numel() for p in here.parameters())
    assert seen["version"] == importlib.metadata.version("widthwise")


def test_the_users_optimizer_has_the_recommended_rates(
    seen: dict[str, Any], finished: tuple[str, str]
) -> None:
    address, study_id = finished
    with Client(address) as client:
        document = client.recommendation(study_id, width=128)
    wanted = {tensor["learning_rate"] for tensor in document["tensors"]}
    assert len(wanted) > 1
    assert seen["initial_rates"] == pytest.approx(sorted(wanted))


def test_the_command_starts_and_shows_its_help(bare_python: Path, tmp_path: Path) -> None:
    shown = run(bare_python, "--help", folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "recommend" in shown.stdout


def test_up_says_that_only_the_client_is_here(bare_python: Path, tmp_path: Path) -> None:
    shown = run(bare_python, "up", folder=tmp_path)
    assert shown.returncode == 1
    assert "client, not its service" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_plot_says_what_to_install(
    bare_python: Path, finished: tuple[str, str], tmp_path: Path
) -> None:
    address, study_id = finished
    arguments = ("plot", study_id, "--output", "x.png", "--address", address)
    shown = run(bare_python, *arguments, folder=tmp_path)
    assert shown.returncode == 1
    assert "pip install matplotlib" in shown.stderr
