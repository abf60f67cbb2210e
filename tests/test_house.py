"""Rules of the house that no linter holds: they may only get stricter."""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from service.settings import Settings
from widthwise.cli.commands import app

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 300
MOST_FILES = 15
# One file each of many things that are alike.
COLLECTIONS = {
    "docs/decisions",
    "migrations/versions",
    "parametrization/nn/updates",
    "parametrization/optimizers/built_in",
    "tuner/recommendation/exports",
    "tuner/spec/datasets",
}
BANNED_NAMES = {"utils", "util", "helper", "helpers", "manager", "common", "base", "misc", "lib"}
# Written so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(
    r"(?<![\w.~-])/(?:" + "|".join(["work", "root", "home", "Users"]) + r")/\w"
)
SOURCE_ADDRESS = re.compile("--(?:extra-)?index-url|--trusted-host|://")
CLOSED_UP_PERCENT = re.compile(r"[0-9}]%(?![0-9A-Za-z_(])|%\}")
# A docstring says what a thing is or returns, it does not announce that it will.
ANNOUNCING = re.compile(r"(?:What|Where|When|Whether|How|Who(?:m|se|ever)?|Which|Why|That)\b")
# Packages whose docstrings are held to that.
DECLARATIVE = (
    "app",
    "benchmarks",
    "examples",
    "migrations",
    "parametrization",
    "scripts",
    "service",
    "tuner",
    "widthwise",
    "workers",
)


def tracked(pattern: str = "*") -> list[Path]:
    """Files of the repository, those about to be added included."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", pattern],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): _lines(path) for path in tracked("*.py")}
    assert {name: count for name, count in lengths.items() if count > MOST_LINES} == {}


def test_no_folder_of_code_is_crowded() -> None:
    folders = Counter(str(path.parent.relative_to(ROOT)) for path in tracked("*.py"))
    sources = {name: count for name, count in folders.items() if not name.startswith("tests")}
    crowded = {name for name, count in sources.items() if count > MOST_FILES}
    assert crowded - COLLECTIONS == set()


def test_a_built_in_optimizer_is_a_declaration_and_an_update_of_one_name() -> None:
    declared, updates = (
        {
            path.stem
            for path in tracked(f"parametrization/{folder}/*.py")
            if path.parent.name == last
        }
        for folder, last in (("optimizers/built_in", "built_in"), ("nn/updates", "updates"))
    )
    assert updates - declared == {"registry", "update"}
    assert declared - updates == set()


def test_every_setting_is_documented_with_its_default() -> None:
    rows = (ROOT / "docs" / "settings.md").read_text().splitlines()
    documented = {row.split("`")[1]: row for row in rows if row.startswith("| `WIDTHWISE_")}
    settings = {f"WIDTHWISE_{name.upper()}": field for name, field in Settings.model_fields.items()}
    assert documented.keys() == settings.keys()
    for name, field in settings.items():
        if isinstance(field.default, str | int | Path) and field.default != "":
            default = str(field.default).lower() if field.default is False else field.default
            assert f"| `{default}` |" in documented[name]


def test_percents_have_a_space_before_their_sign() -> None:
    """As `parametrization.text.rounding.percent` writes them."""
    texts = [path for path in tracked("*.py") if path.relative_to(ROOT).parts[0] != "tests"]
    closed_up = {
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in [*texts, *tracked("*.md")]
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if CLOSED_UP_PERCENT.search(line)
    }
    assert closed_up == set()


def test_no_file_is_named_after_nothing() -> None:
    assert [path for path in tracked("*.py") if path.stem.strip("_") in BANNED_NAMES] == []


def test_package_files_import_nothing() -> None:
    """But the facade, whose names load when they are used (tests/widthwise/test_facade.py)."""
    facade = ROOT / "widthwise" / "__init__.py"
    files = [path for path in tracked("*__init__.py") if path != facade]
    assert [path for path in files if path.read_text().strip()] == []


def test_no_import_is_for_the_type_checker_alone() -> None:
    """It would hide a circle. `Recommendation.apply` alone names torch, which its reader brings."""
    word = "TYPE_" + "CHECKING"
    using = {str(path.relative_to(ROOT)) for path in tracked("*.py") if word in path.read_text()}
    assert using == {"widthwise/recommendation.py"}


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked()
        for number, line in enumerate(_text(path).splitlines(), start=1)
        if MACHINE_PATH.search(line)
    }
    assert found == set()


@pytest.mark.parametrize(
    "name", ["requirements.lock", "requirements-models.lock", "requirements-frameworks.lock"]
)
def test_a_lock_names_versions_and_no_place_to_get_them_from(name: str) -> None:
    lock = (ROOT / name).read_text()
    assert not SOURCE_ADDRESS.search(lock)
    assert all("==" in line for line in lock.splitlines())


def test_every_requirement_is_locked() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    locked = {line.partition("==")[0] for line in lock.splitlines()}
    wanted = {
        re.split(r"[\[<>=!~; ]", line)[0].lower()
        for raw in (ROOT / "requirements.in").read_text().splitlines()
        if (line := raw.partition("#")[0].strip())
    }
    assert wanted - locked == set()


@pytest.mark.parametrize("folder", DECLARATIVE)
def test_docstrings_are_declarative(folder: str) -> None:
    announcing = [
        f"{path.relative_to(ROOT)}: {text.strip().splitlines()[0]}"
        for path in tracked(f"{folder}/*.py")
        for text in _docstrings(ast.parse(path.read_text()))
        if ANNOUNCING.match(text.strip())
    ]
    assert announcing == []


def test_docstrings_of_attributes_and_coroutines_are_among_those_held() -> None:
    source = '''
"""Module."""
class Record:
    """Class."""
    given: int
    """Given."""
    width = 1
    """Width."""
    def plain(self):
        """Plain."""
    async def coroutine(self):
        """Coroutine."""
'''
    found = set(_docstrings(ast.parse(source)))
    assert found == {"Module.", "Class.", "Given.", "Width.", "Plain.", "Coroutine."}


def test_the_index_of_decisions_lists_every_page() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text())
    assert sorted(set(listed)) == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_links_between_documents_lead_to_files() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in tracked("docs/*.md")
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
        if not (path.parent / link).exists()
    ]
    assert broken == []


def test_code_in_the_pages_on_what_can_be_added_is_the_sources() -> None:
    sources = [path.read_text() for path in tracked("*.py")]
    pages = {
        "extending/families": 4,
        "extending/datasets": 2,
        "extending/schedules": 1,
        "own-tasks": 3,
    }
    for name, blocks in pages.items():
        page = (ROOT / "docs" / f"{name}.md").read_text()
        quoted = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        assert len(quoted) == blocks
        assert [block for block in quoted if not any(block in text for text in sources)] == []
        named = re.findall(r"\b(?:tuner|workers|tests|benchmarks)/[\w/]+\.py", page)
        assert [path for path in named if not (ROOT / path).is_file()] == []


def test_every_command_and_option_is_documented() -> None:
    documentation = (ROOT / "docs" / "cli.md").read_text()
    group = typer.main.get_group(app)
    missing = [
        words
        for name, command in group.commands.items()
        for words in [
            f"## `widthwise {name}",
            *(f"`{option}" for parameter in command.params for option in _long(parameter.opts)),
        ]
        if words not in documentation
    ]
    assert missing == []


def test_make_help_names_every_target_a_person_types() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    wanted = ("install", "demo", "test", "test-fast", "serve", "lint", "bench", "lock")
    assert [target for target in wanted if f"make {target} " not in shown] == []


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # a picture


def _docstrings(tree: ast.Module) -> Iterator[str]:
    """Texts that stand alone: of modules, classes and functions, and below attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text


def _long(options: list[str]) -> list[str]:
    return [option for option in options if option.startswith("--") and option != "--help"]
