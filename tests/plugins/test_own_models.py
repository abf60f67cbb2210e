"""A package with a model and a dataset of its own, installed beside the environment."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.plugins.conftest import ROOT, environment
from tests.plugins.test_installed import run
from tuner.spec.families.packaged_tasks import GROUP
from tuner.spec.families.registry import FAMILIES, PLUGINS

EXAMPLE = ROOT / "examples" / "own_models"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package was installed into."""
    source = tmp_path_factory.mktemp("source") / "own_models"
    shutil.copytree(EXAMPLE, source)
    site = tmp_path_factory.mktemp("own_site")
    uv = Path(sys.executable).with_name("uv")
    options = ("--no-deps", "--no-build-isolation", "--offline", "--no-cache", "--quiet")
    place = ("--python", sys.executable, "--target", site)
    subprocess.run(
        [uv, "pip", "install", *options, *place, source], check=True, capture_output=True, text=True
    )
    return site


@pytest.fixture(scope="module")
def own(site: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What API, coordinator and worker make of the package."""
    folder = str(tmp_path_factory.mktemp("studied"))
    return run("tests.plugins.own_models", folder, sites=(site,))[0]


def test_the_catalogue_lists_both_with_their_package(own: dict[str, Any]) -> None:
    assert own["spirals"]["plugin"] == own["sums"] == "own-models 0.1.0"
    assert own["spirals"]["source"] == "own_models.spirals:Spirals"
    assert own["spirals"]["compared_by"]["name"] == "error rate"


def test_a_packages_model_is_studied_and_its_version_kept(own: dict[str, Any]) -> None:
    study = own["study"]
    assert study["state"] == "completed", study["reason"]
    assert study["spec"]["family"]["version"] == "own-models 0.1.0"
    assert study["progress"]["compared_by"] == "error rate"
    roles = {one["role"] for one in own["recommendation"]["tensors"]}
    assert {"input", "hidden", "output"} <= roles


def test_another_version_is_refused_and_does_not_go_on(own: dict[str, Any]) -> None:
    words = "own-models 0.1.0 is installed: install own-models 0.0.9"
    assert own["refused"][0] == 409
    assert words in own["refused"][1]
    assert own["resumed"][0] == 409
    assert "own-models 0.2.0 is installed: install own-models 0.1.0" in own["resumed"][1]


def test_an_installed_task_is_checked_by_its_name(site: Path) -> None:
    command = Path(sys.executable).with_name("widthwise")
    widths = [f"--width={width}" for width in (16, 32, 64)]
    ran = subprocess.run(
        [command, "check", "spirals", "--json", "--batch-size=32", *widths],
        env=environment(site),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    found = json.loads(ran.stdout)
    assert found["refused"] == [], ran.stderr
    assert found["outcome"] in ("passed", "undecided"), found["width"]["summary"]
    assert ran.returncode == {"passed": 0, "undecided": 2}[found["outcome"]]
    assert {one["role"] for one in found["tensors"]} >= {"input", "hidden", "output"}


def test_a_packages_dataset_is_named_by_a_built_in_family(own: dict[str, Any]) -> None:
    assert own["on_sums"] == [{"name": "sums", "plugin": "own-models 0.1.0"}, [4, 16]]


def test_no_package_brings_a_model_where_the_tests_run() -> None:
    assert not PLUGINS.usable
    assert GROUP.points == "widthwise.models"
    assert "spirals" not in FAMILIES
