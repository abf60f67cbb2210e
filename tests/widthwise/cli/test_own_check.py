"""`widthwise check` and `widthwise describe` on tasks in files and on statistics."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from parametrization.check.usual_settings import check_hyperparameters
from parametrization.nn.check.statistics import CheckedTraining, coordinate_statistics
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from tests.parametrization.builders import shape_of
from tests.parametrization.nn.small_models import Mlp, cross_entropy, image_batch
from widthwise.cli.commands import app

TASK = '''
import torch
from torch import nn
from torch.nn import functional

import widthwise.task


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x):
        return x + self.down(functional.relu(self.up(x)))


class Net(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.embed = nn.Linear(24, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = self.embed(x)
        for block in self.blocks:
            x = LOUDER(block(x))
        return self.head(x)


class Task(widthwise.task.Task):
    """A small net."""

    base_width = 32
    roles = ROLES

    def model(self, width, depth):
        return Net(width, depth)

    def loss(self, model, batch):
        inputs, targets = batch
        LOSS
        return functional.cross_entropy(model(inputs), targets)

    def batch(self, seed, step, size):
        BATCH
        inputs = torch.randn(size, 24)
        return inputs, inputs[:, :10].argmax(1)
'''


def task(folder: Path, **said: str) -> str:
    """A file with a task; by keyword what it does wrong."""
    filled = {"ROLES": "{'head.weight': 'output'}", "LOUDER": "", "LOSS": "pass", "BATCH": "pass"}
    text = TASK
    for place, code in (filled | said).items():
        text = text.replace(place, code)
    path = folder / "net.py"
    path.write_text(text)
    return str(path)


def run(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, arguments)
    return ran.exit_code, ran.output


def checked(*arguments: str) -> tuple[int, dict[str, Any]]:
    ran = CliRunner().invoke(app, ["check", *arguments, "--json"])
    return ran.exit_code, json.loads(ran.stdout)


WIDTHS = ("--width", "64", "--width", "128", "--width", "256")


@pytest.mark.slow
def test_a_right_task_passes_with_its_table_and_what_was_found(tmp_path: Path) -> None:
    status, said = run("check", task(tmp_path), *WIDTHS)
    assert status == 0, said
    lines = said.splitlines()
    assert lines[0].split()[:3] == ["parameter", "shape", "role"]
    assert [line.split()[0] for line in lines[1:9]] == [
        *("embed.weight", "embed.bias", "blocks.*.up.weight", "blocks.*.up.bias"),
        *("blocks.*.down.weight", "blocks.*.down.bias", "head.weight", "head.bias"),
    ]
    found = [line.split()[:2] for line in lines[10:14]]
    assert found == [["batch", "ok"], ["loss", "ok"], ["functional_call", "ok"], ["vmap", "ok"]]
    assert lines[-1].startswith("PASSED: ")


@pytest.mark.slow
def test_a_task_whose_activations_grow_fails_in_words(tmp_path: Path) -> None:
    louder = "(lambda y: y * (y.shape[-1] / 64) ** 0.5)"
    status, said = checked(task(tmp_path, LOUDER=louder), *WIDTHS)
    assert (status, said["outcome"]) == (1, "failed")
    assert said["width"]["passed"] is False
    assert "grows like width^" in said["width"]["summary"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"LOSS": "raise KeyError('tokens')"}, "loss raised KeyError: 'tokens' (net.py, line"),
        ({"BATCH": "raise SystemExit(3)"}, "batch raised SystemExit: 3 (net.py, line"),
        ({"BATCH": "return open('absent.bin')"}, "batch raised FileNotFoundError"),
        ({"BATCH": "size = 3"}, "the same shapes for size 16 and 32: return as many examples as"),
        ({"BATCH": "return torch.empty(size, device='meta')"}, "batch put tensors on meta"),
        ({"LOSS": "return model(inputs)"}, "loss returned a tensor of shape [16, 10]: return a"),
        ({"LOSS": "return model(inputs).mean().item()"}, "loss returned a float, not a tensor"),
        ({"LOSS": "return None"}, "loss returned nothing, not a tensor: return the mean"),
        ({"LOSS": "return model(inputs).mean().detach()"}, "without a gradient: leave out detach"),
        (
            {"LOSS": "y = model(inputs).mean(); y.requires_grad and y.backward(); return y"},
            "loss has followed the gradient already: leave out backward",
        ),
        (
            {"LOUDER": "self.missing"},
            "AttributeError: 'Net' object has no attribute 'missing' (net.py, line",
        ),
    ],
)
def test_a_task_that_raises_cannot_be_checked_and_says_where(
    wrong: dict[str, str], words: str, tmp_path: Path
) -> None:
    status, said = checked(task(tmp_path, **wrong))
    assert (status, said["outcome"]) == (2, "refused")
    assert words in said["refused"][0]


def test_models_that_share_tensors_are_refused(tmp_path: Path) -> None:
    path = Path(task(tmp_path))
    text = path.read_text().replace("return Net(width, depth)", "return KEPT[width]")
    path.write_text(f"{text}\n\nKEPT = {{width: Net(width, 2) for width in (32, 64)}}\n")
    status, said = checked(str(path), "--width", "64")
    assert status == 2
    assert "two models that were built share embed.weight" in said["refused"][0]


def test_a_width_that_the_task_cannot_have_is_refused_with_those_beside_it(tmp_path: Path) -> None:
    path = Path(task(tmp_path))
    path.write_text(path.read_text().replace("base_width = 32", "base_width = width_divisor = 32"))
    status, said = checked(str(path), "--width", "80")
    assert status == 2
    assert said["refused"] == [
        "width 80 is no multiple of the task's width_divisor 32: the nearest are 64 and 96"
    ]


def test_a_loss_that_is_no_number_fails_and_prints_do_not_reach_the_document(
    tmp_path: Path,
) -> None:
    path = task(tmp_path, LOSS="print('loud'); return model(inputs).mean() * float('inf')")
    status, said = checked(path, "--width", "64")
    assert status == 1
    (loss,) = (one for one in said["findings"] if one["name"] == "loss")
    assert "for the model as it is built: look for a division by zero" in loss["words"]


def test_batches_that_differ_and_a_loss_that_remembers_fail(tmp_path: Path) -> None:
    forgetful = "import random, time; torch.manual_seed(time.time_ns() % 2**31)"
    remembers = "self.calls = getattr(self, 'calls', 0) + 1; inputs = inputs * self.calls"
    status, said = checked(
        task(tmp_path, BATCH=forgetful, LOSS=remembers), *("--width", "64", "--width", "128")
    )
    assert (status, said["outcome"]) == (1, "failed")
    by_name = {one["name"]: one for one in said["findings"]}
    assert not by_name["batch"]["passed"]
    assert "two batches of one seed and step differ" in by_name["batch"]["words"]
    assert not by_name["loss"]["passed"]


def test_what_cannot_train_together_is_said_and_is_no_failure(tmp_path: Path) -> None:
    status, said = checked(
        task(tmp_path, LOSS="float(model.head.bias.detach().sum())"),
        *("--width", "64", "--width", "128"),
    )
    by_name = {one["name"]: one for one in said["findings"]}
    assert (by_name["vmap"]["passed"], by_name["vmap"]["needed"]) == (False, False)
    assert by_name["vmap"]["words"].endswith("trials will train one by one")
    assert (status, said["outcome"]) == (2, "undecided")  # one width is too few
    assert "it takes" in said["width"]["summary"]


def test_every_refusal_comes_at_once_with_roles_to_paste(tmp_path: Path) -> None:
    text = task(tmp_path)
    path = Path(text)
    path.write_text(
        path.read_text().replace(
            "self.embed = nn.Linear(24, width)",
            "self.embed = nn.Linear(24, width); self.a = nn.Parameter(torch.ones(3, width));"
            " self.b = nn.Parameter(torch.ones(width, 5, width))",
        )
    )
    status, said = run("check", text)
    assert status == 2
    pasted = said[said.index("roles = {") :]
    assert "'a': " in pasted
    assert "'b': " in pasted


def test_a_target_that_is_none_is_refused(tmp_path: Path) -> None:
    for target in ("nothing.py", "no-such-task", str(tmp_path / "x.json")):
        status, said = run("check", target)
        assert (status, "Traceback" in said) == (2 if not target.endswith("json") else 1, False)


def test_a_description_needs_no_batch_and_scales_to_a_width(tmp_path: Path) -> None:
    status, said = run("describe", task(tmp_path, BATCH="raise KeyError"), "--width", "128")
    assert status == 0, said
    (head,) = (line.split() for line in said.splitlines() if line.startswith("head.weight"))
    assert (head[1], head[2], head[7]) == ("10x128", "output", "0.25")
    hidden = next(line for line in said.splitlines() if line.startswith("blocks.*.up.weight"))
    assert hidden.split()[3] == "0.25"


def statistics(**changed: Any) -> dict[str, Any]:  # noqa: ANN401  fields of the document
    """As a trainer of one's own would take them."""
    shape, numbers = shape_of(Mlp, 32), check_hyperparameters("adamw")
    taken = [
        statistic._asdict()
        for width in (64, 128, 256)
        for statistic in coordinate_statistics(
            CheckedTraining(partial(Mlp, width), cross_entropy, image_batch),
            scale(shape, numbers, Multipliers(width / 32), optimizer="adamw"),
            width=width,
            seeds=range(4),
            steps=2,
        )
    ]
    return {"optimizer": "adamw", "base_shapes": asdict(shape), "statistics": taken} | changed


@pytest.mark.slow
def test_statistics_that_were_taken_elsewhere_are_judged(tmp_path: Path) -> None:
    path = tmp_path / "statistics.json"
    path.write_text(json.dumps(statistics()))
    status, said = checked(str(path))
    assert said["width"]["tensors"]
    assert status == {True: 0, False: 1, None: 2}[said["width"]["passed"]]
    known = json.loads(path.read_text())
    for one in known["statistics"]:
        if one["tensor"] in ("layers.1.weight", "layers.2.weight"):
            one["update_rms"] *= one["width"]
    path.write_text(json.dumps(known))
    assert checked(str(path))[0] == 1


def test_a_document_without_statistics_is_refused_by_its_field(tmp_path: Path) -> None:
    path = tmp_path / "statistics.json"
    path.write_text(json.dumps({"optimizer": "adamw"}))
    status, said = run("check", str(path))
    assert status == 1
    assert "base_shapes: Field required" in " ".join(said.split())
