"""The documentation's site is built without a warning and needs no other host."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

pytestmark = pytest.mark.slow

CONFIG = ROOT / "zensical.toml"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built anew: a link that leads nowhere, of a page or within one, is an error."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(CONFIG, folder)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "site"


def test_every_page_is_built(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    built = {path.relative_to(site) for path in site.rglob("*.html")}
    named = {page.with_name("index.md") if page.name == "README.md" else page for page in pages}
    assert {page.with_suffix(".html") for page in named} <= built


def test_every_page_is_in_the_navigation() -> None:
    """Of the decisions their index alone."""
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    decisions = {name for name in pages if re.match(r"decisions/\d", name)}
    navigation = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["project"]["nav"]
    assert set(leaves(navigation)) == pages - decisions


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]*\ssrc=\"?(https?:)?//|<link[^>]*href=\"?https?:"
    )
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        found = loaded.search(text)
        assert found is None or 'rel="canonical"' in found[0], f"{page}: {found}"


def leaves(entries: object) -> Iterator[str]:
    """Names of pages in the navigation."""
    if isinstance(entries, str):
        yield entries
    elif isinstance(entries, list):
        for entry in entries:
            yield from leaves(entry)
    elif isinstance(entries, dict):
        for entry in entries.values():
            yield from leaves(entry)
