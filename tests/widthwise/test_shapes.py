"""`widthwise shapes`: what a study of one's own model needs to know, from a file that builds it."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from parametrization.shapes.base_shape_files import growing_dimensions, write_dimensions
from parametrization.shapes.roles import ModelShape
from tuner.spec.study import StudySpec
from widthwise.cli.commands import app
from widthwise.errors import WidthwiseError
from widthwise.external.shapes import load_named, shapes_document, shapes_of

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
        {"family": {"name": "external", "shapes": shapes}, "target": {"width": 512}}
    )
    assert study.family.given_shape == shape_of(model)
    assert (study.base_width, study.proxy_width) == (16, 16)


def test_a_file_of_base_shapes_says_what_grows(model: Path, tmp_path: Path) -> None:
    build = load_named(f"{model}:build").build
    sizes = [{n: tuple(p.shape) for n, p in build(w).named_parameters()} for w in (16, 32)]
    bsh = tmp_path / "own.bsh"
    write_dimensions(growing_dimensions(*sizes), bsh)
    read = shapes_of(build, 16, bsh=bsh, roles={"2.weight": "output"})
    assert read == shape_of(model)


def test_a_tensor_without_a_role_is_refused_with_its_name(model: Path) -> None:
    told = CliRunner().invoke(app, ["shapes", f"{model}:build", "--base-width", "16"])
    assert told.exit_code == 1
    assert "2.weight" in told.output


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("ouput", "the role of 2.weight is 'ouput': use one of input, hidden, output,"),
        (3, "the role of 2.weight is 3: use one of"),
        ({"role": None}, "the role of 2.weight is None: use one of"),
        ({"role": "output", "fanin": 1}, "says fanin: beside `role` it can say fan_in_axis,"),
        ({"role": "output", "fan_in_axis": "width"}, "fan_in_axis of 2.weight is 'width': give"),
        ({"role": "output", "fan_in_axis": [True]}, "fan_in_axis of 2.weight is [True]: give"),
        ({"role": "output", "fan_in_axis": 7}, "2.weight has 2 dimensions, (4, 16), and no"),
    ],
)
def test_a_role_that_cannot_be_understood_is_refused_with_what_can_be_said(
    model: Path, said: object, words: str
) -> None:
    with pytest.raises(WidthwiseError, match=re.escape(words)):
        shapes_of(load_named(f"{model}:build").build, 16, roles={"2.weight": said})


def test_dimensions_may_be_listed(model: Path) -> None:
    listed = {"role": "output", "fan_in_axis": [1], "fan_out_axis": [0]}
    alone = {"role": "output", "fan_in_axis": 1, "fan_out_axis": 0}
    one, other = (
        shapes_of(load_named(f"{model}:build").build, 16, roles={"2.weight": said})
        for said in (listed, alone)
    )
    assert one == other
    assert "2.weight" in [tensor.name for tensor in one.tensors]


@pytest.mark.parametrize("target", ["nowhere.py:build", "own.py", "own.pkl:build"])
def test_a_target_that_is_no_function_is_refused(target: str) -> None:
    told = CliRunner().invoke(app, ["shapes", target, "--base-width", "16"])
    assert told.exit_code == 1
    assert "FILE.py:build" in told.output


TASK = """
from torch import nn
import widthwise.task

class Task(widthwise.task.Task):
    base_width = 16
    roles = {"2.weight": "output"}

    def model(self, width, depth):
        print("building")
        return nn.Sequential(
            nn.Linear(8, width), nn.LayerNorm(width), nn.Linear(width, 4, bias=False)
        )

    def loss(self, model, batch): ...
    def batch(self, seed, step, size): ...
"""


def test_a_task_says_its_base_width_and_roles_and_prints_beside_the_document(
    model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "task.py"
    path.write_text(TASK)
    told = CliRunner().invoke(app, ["shapes", f"{path}:Task"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout) == json.loads(json.dumps(shapes_document(shape_of(model))))
    path.write_text(TASK.replace("base_width = 16", "base_width = '16'"))
    told = CliRunner().invoke(app, ["shapes", f"{path}:Task"])
    assert told.exit_code == 1
    assert "base_width is '16': give a whole number" in told.output


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise RuntimeError('no disk')", "width 16 raised RuntimeError: no disk (own.py, line 3,"),
        ("return {}['d_model']", "raised KeyError: 'd_model' (own.py, line 3, in build)"),
        ("return [1]", "building the model of width 16 gave a list: return a torch.nn.Module"),
        ("pass", "building the model of width 16 gave nothing: return a torch.nn.Module"),
    ],
)
def test_a_function_that_gives_no_model_is_refused_with_its_line(
    tmp_path: Path, body: str, words: str
) -> None:
    path = tmp_path / "own.py"
    path.write_text(f"\ndef build(width):\n    {body}\n")
    told = CliRunner().invoke(app, ["shapes", f"{path}:build", "--base-width", "16"])
    assert told.exit_code == 1
    assert words in " ".join(told.output.split())


def test_what_is_left_unsaid_is_asked_for(model: Path, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["shapes", f"{model}:build"])
    assert "--base-width 256" in told.output
    roles = tmp_path / "roles.yaml"
    roles.write_text("'2.weight': {fan_in_axis: 1}\n")
    options = ["--base-width", "16", "--roles", str(roles)]
    told = CliRunner().invoke(app, ["shapes", f"{model}:build", *options])
    assert told.exit_code == 1
    assert "say `role` as well" in " ".join(told.output.split())


def shape_of(model: Path) -> ModelShape:
    return shapes_of(load_named(f"{model}:build").build, 16, roles={"2.weight": "output"})


def test_a_start_that_is_computed_and_summed_over_width_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(
        """
import torch
from torch import nn

def build(width):
    hidden = nn.Linear(width, width)
    angles = (torch.arange(width)[:, None] + 0.5) * torch.arange(width) * torch.pi / width
    hidden.weight.data.copy_(torch.cos(angles) * (2 / width) ** 0.5)
    return nn.Sequential(nn.Linear(8, width), hidden, nn.Linear(width, 4, bias=False))
"""
    )
    with pytest.raises(WidthwiseError, match=r"no start that is sure to fit for 1\.weight"):
        shapes_of(load_named(f"{path}:build").build, 16, roles={"2.weight": "output"})
