"""Packages with plugins, installed beside the environment and not into it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "more_optimizers"
DATASETS_EXAMPLE = ROOT / "examples" / "more_datasets"
LIES = """[widthwise.optimizers]
sgd_as_adam = lies:SGD_AS_ADAM
second_phase = lies:SECOND_PHASE
nowhere = lies:NOWHERE
adamw = lies:ADAMW
wrong_type = lies:NOT_A_DECLARATION
wrong_name = lies:NOWHERE
broken = lies_about_its_imports:ANYTHING
"""


@pytest.fixture(scope="session")
def example_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package of optimizers was installed into."""
    return install(EXAMPLE, tmp_path_factory.mktemp("example"))


@pytest.fixture(scope="session")
def datasets_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package of datasets was installed into."""
    return install(DATASETS_EXAMPLE, tmp_path_factory.mktemp("datasets"))


def install(package: Path, folder: Path) -> Path:
    """Build a package and install it into a folder within this one, without a network."""
    source, site = folder / "source", folder / "site"
    shutil.copytree(package, source)
    uv = Path(sys.executable).with_name("uv")
    options = ("--no-deps", "--no-build-isolation", "--offline", "--no-cache", "--quiet")
    place = ("--python", sys.executable, "--target", site)
    subprocess.run(
        [uv, "pip", "install", *options, *place, source], check=True, capture_output=True, text=True
    )
    return site


@pytest.fixture(scope="session")
def lying_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of wrong declarations."""
    site = tmp_path_factory.mktemp("lying_site")
    shutil.copy(Path(__file__).parent / "liars" / "lies.py", site)
    write_metadata(site, "lies", "9.9", LIES)
    return site


def write_metadata(site: Path, package: str, version: str, points: str) -> None:
    """What an installer leaves of a package beside its modules."""
    folder = site / f"{package}-{version}.dist-info"
    folder.mkdir()
    header = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    (folder / "METADATA").write_text(header)
    (folder / "entry_points.txt").write_text(points)


def environment(*sites: Path) -> dict[str, str]:
    """In which a process sees the plugins of these folders."""
    path = os.pathsep.join(map(str, (ROOT, *sites)))
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def importable(lying_site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of wrong declarations, for this process to import from."""
    monkeypatch.syspath_prepend(str(lying_site))
    yield lying_site
    sys.modules.pop("lies", None)
