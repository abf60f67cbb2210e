"""`widthwise shapes`: what a study of one's own model needs to know, from a file that builds it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from parametrization.shapes.base_shape_files import growing_dimensions, write_dimensions
from parametrization.shapes.roles import ModelShape
from tuner.spec.study import StudySpec
from widthwise.cli.commands import app
from widthwise.external.shapes import load_build, shapes_of

MODEL = """
from torch import nn

def build(width):
    return nn.Sequential(nn.Linear(8, width), nn.LayerNorm(width), nn.Linear(width, 4, bias=False))
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(MODEL)
    return path


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    path = tmp_path / "roles.yaml"
    path.write_text("'2.weight': output\n")
    return path


def test_the_command_writes_what_a_study_takes(model: Path, roles: Path, tmp_path: Path) -> None:
    output = tmp_path / "shapes.json"
    target = f"{model}:build"
    options = ["--base-width", "16", "--roles", str(roles), "--output", str(output)]
    told = CliRunner().invoke(app, ["shapes", target, *options])
    assert told.exit_code == 0, told.output
    shapes = json.loads(output.read_text())
    study = StudySpec.model_validate(
        {"family": {"name": "external", "shapes": shapes}, "target": {"width": 128}}
    )
    assert study.family.given_shape == shape_of(model)
    assert study.base_width == 16


def test_a_file_of_base_shapes_says_what_grows(model: Path, tmp_path: Path) -> None:
    build = load_build(f"{model}:build")
    sizes = [{n: tuple(p.shape) for n, p in build(w).named_parameters()} for w in (16, 32)]
    bsh = tmp_path / "own.bsh"
    write_dimensions(growing_dimensions(*sizes), bsh)
    read = shapes_of(build, 16, bsh=bsh, roles={"2.weight": "output"})
    assert read == shape_of(model)


def test_a_tensor_without_a_role_is_refused_with_its_name(model: Path) -> None:
    told = CliRunner().invoke(app, ["shapes", f"{model}:build", "--base-width", "16"])
    assert told.exit_code == 1
    assert "2.weight" in told.output


@pytest.mark.parametrize("target", ["nowhere.py:build", "own.py", "own.pkl:build"])
def test_a_target_that_is_no_function_is_refused(target: str) -> None:
    told = CliRunner().invoke(app, ["shapes", target, "--base-width", "16"])
    assert told.exit_code == 1
    assert "FILE.py:build" in told.output


def shape_of(model: Path) -> ModelShape:
    return shapes_of(load_build(f"{model}:build"), 16, roles={"2.weight": "output"})
