"""Every block of code of README and docs is held to the code, or says why it is not."""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any, Final

import click
import pytest
import typer

from tests.docs.blocks import ROOT, Block, blocks
from widthwise.cli.commands import app
from widthwise.cli.configuration.option_defaults import option_defaults
from widthwise.configuration.file import read_configuration

RUN_AS_ONE: Final = "docs/library.md"
"""Its blocks are run in their order by `tests/widthwise/test_library_page.py`."""
PYTHON: Final = [block for block in blocks("python") if not block.id.startswith(RUN_AS_ONE)]
SHELLS: Final = ("sh", "console")


def of(block: Block) -> str:
    return block.id


@pytest.mark.parametrize("block", [one for one in PYTHON if one.file is not None], ids=of)
def test_an_excerpt_stands_in_its_file(block: Block) -> None:
    assert block.file is not None
    lines = iter(block.file.read_text(encoding="utf-8").splitlines())
    for wanted in block.code.splitlines():
        assert not wanted.strip() or wanted in lines, f"not there, or not in its place: {wanted!r}"


@pytest.mark.parametrize("block", [one for one in PYTHON if one.file is None], ids=of)
def test_other_python_runs_or_says_why_it_does_not(block: Block) -> None:
    if block.is_excused:
        compile(block.code, block.id, "exec")
        return
    exec(compile(block.code, block.id, "exec"), {"__name__": "page"})


@pytest.mark.parametrize("block", blocks("json"), ids=of)
def test_json_is_json(block: Block) -> None:
    assert isinstance(json.loads(block.code), dict)


@pytest.mark.parametrize("block", blocks("toml"), ids=of)
def test_toml_is_a_configuration_or_names_groups_that_are_looked_for(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tomllib.loads(block.code)
    if "project" in said and "entry-points" in said["project"]:
        groups = said["project"]["entry-points"]
        assert groups.keys() <= {"widthwise.models", "widthwise.datasets", "widthwise.optimizers"}
        return
    (tmp_path / "config.toml").write_text(block.code)
    monkeypatch.setenv("WIDTHWISE_CONFIG", str(tmp_path / "config.toml"))
    assert option_defaults(read_configuration(), typer.main.get_command(app))


@pytest.mark.parametrize("block", blocks(*SHELLS), ids=of)
def test_every_command_and_option_exists(block: Block) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in block.commands:
        program, *words = shlex.split(line)
        match program.rpartition("/")[2]:
            case "make":
                assert words[0] in targets, line
            case "pytest":
                assert all((ROOT / path).exists() for path in words), line
            case "widthwise":
                parse(words)
            case other:
                assert other in {"curl"}, f"nothing is known of {line!r}"


def parse(words: list[str]) -> None:
    """Read a command line as `widthwise` does, without doing anything.

    Raises:
        click.ClickException: if there is no such command, argument or option.
    """
    command: Any = typer.main.get_command(app)
    context = click.Context(command)
    while isinstance(command, click.Group):
        _, command, words = command.resolve_command(context, words)
        context = click.Context(command, parent=context)
    parser = command.make_parser(context)
    parser.parse_args(list(words))
