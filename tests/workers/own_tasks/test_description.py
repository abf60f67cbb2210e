"""What a description finds of a task, and everything that it refuses at once."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workers.own_tasks.families import nothing_left_behind, own_family
from tests.workers.specs import model_spec
from tuner.spec.families.registered_tasks import Registration
from widthwise.task_source import TaskSource
from widthwise.task_words import TaskRefused
from workers.training.model_shapes import model_shape
from workers.training.task_description import described

WHOLE = '''
import time
import torch
from torch import nn
from widthwise.task import Task

class Plain(Task):
    """A plain network.

    And more about it.
    """

    base_width, width_divisor, depth = 16, 4, 2
    roles = {"2.weight": "output"}

    def model(self, width, depth):
        return nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 1))

    def batch(self, seed, step, size):
        return {"x": torch.randn(size, 4)}

    def loss(self, model, batch):
        return model(batch["x"]).square().mean()
'''


KEPT = "'1.weight': Declaration(Role.HIDDEN, 1, 0, initial='keep')"
BASIS = """
from widthwise import Declaration, Role

def basis(size, width):
    angles = torch.pi / width * (torch.arange(size)[:, None] + 0.5) * torch.arange(width)
    return torch.cos(angles) * (2 / width) ** 0.5

class Plain(Task):"""
"""A cosine transform: neighbours are not alike, so that its values alone look like a draw."""


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    with nothing_left_behind():
        yield


def description(folder: Path, *changes: tuple[str, str]) -> Registration:
    """Of the whole task with these changes to its text."""
    text = WHOLE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "plain.py"
    path.write_text(text)
    return described(TaskSource.parse(str(path)))


def refused(folder: Path, *changes: tuple[str, str]) -> TaskRefused:
    with pytest.raises(TaskRefused) as refusal:
        description(folder, *changes)
    return refusal.value


def test_a_whole_task_is_described(tmp_path: Path) -> None:
    found = description(tmp_path)
    assert (found.name, found.words, found.depth) == ("plain", "A plain network.", 2)
    assert found.files == (tmp_path / "plain.py",)
    assert found.version == TaskSource.parse(found.source).version()
    assert found.facts.model_dump() == {
        "base_width": 16,
        "width_divisor": 4,
        "tokens_per_example": 1,
        "metric": "validation loss",
        "validates": False,
        "batches": "by_step",
        "residual_blocks": False,
        "draws": False,
    }


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ([("nn.Tanh()", "nn.Dropout(0.1)")], {"draws": True}),
        ([("    roles =", '    blocks = ["0.*"]\n    roles =')], {"residual_blocks": True}),
        (
            [
                (
                    "    def loss",
                    "    def validate(self, model):\n        return 1.5\n\n    def loss",
                )
            ],
            {"validates": True},
        ),
        (
            [
                (
                    "    def batch(self, seed, step, size):\n",
                    "    def loader(self, seed):\n        return [self.one(8)] * 3\n\n"
                    "    def one(self, size):\n",
                ),
                ("torch.randn", "torch.ones"),
            ],
            {"batches": "loader"},
        ),
    ],
)
def test_facts_follow_from_what_the_code_does(
    tmp_path: Path, changes: list[tuple[str, str]], facts: dict[str, Any]
) -> None:
    found = description(tmp_path, *changes).facts.model_dump()
    assert found == found | facts


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "torch.randn(size, 4)",
            "torch.randn(size, 4) + time.monotonic_ns() % 1000",
            "batch(0, 0, 2) gave two different batches: everything random in it must follow from",
        ),
        (
            "torch.randn(size, 4)",
            "torch.randn(8, 4)",
            "batch gave tensors of the same shapes for size 2 and 4: return as many examples as",
        ),
        ('{"x": torch.randn(size, 4)}', "[1, 2]", "batch returned list without tensors"),
        (
            ".mean()",
            ".mean() + torch.empty(2**50)",
            "more memory than this machine has free: lower",
        ),
        (
            "torch.randn(size, 4)",
            "torch.randn(size, 4, device='meta')",
            "batch put tensors on meta: leave out devices",
        ),
        (".mean()", ".sum()", "four times: it is a sum, so that its gradients grow with the batch"),
        (
            ".mean()",
            ".mean() * (1 + time.monotonic_ns() % 1000)",
            "for one model and one batch: it may keep nothing from call to call",
        ),
        (
            "    def loss",
            "    def validate(self, model):\n        return -0.5\n\n    def loss",
            "validate returned -0.5: trials are compared by a positive number of which less is",
        ),
        (
            "    def loss",
            "    def validate(self, model):\n        return 'good'\n\n    def loss",
            "validate returned a str, not a number",
        ),
        (
            "nn.Linear(width, 1))",
            "nn.Linear(4, 1))",
            "loss raised RuntimeError: mat1 and mat2 shapes cannot be multiplied",
        ),
        ("nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 1)", "nn.Tanh()", "without parameters"),
        (
            "nn.Linear(width, 1))",
            "nn.Linear(width, 1)) if width == 16 else nn.Linear(4, width)",
            "must have the same parameters",
        ),
    ],
)
def test_what_cannot_be_tuned_is_refused_in_words(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    problems = refused(tmp_path, (old, new)).problems
    assert any(words in problem for problem in problems), problems


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    problems = refused(
        tmp_path,
        ('    roles = {"2.weight": "output"}\n', ""),
        ("torch.randn(size, 4)", "torch.randn(8, 4)"),
        (".square().mean()", ".square()"),
    ).problems
    assert len(problems) == 3
    assert "no scaling rule for 2.weight" in problems[0]
    assert "same shapes for size 2 and 4" in problems[1]
    assert "loss returned a tensor of shape [8, 1]" in problems[2]


def test_a_refusal_names_the_line_of_the_users_file(tmp_path: Path) -> None:
    (problem, *_) = refused(tmp_path, ('batch["x"]', 'batch["y"]')).problems
    assert re.search(r"loss raised KeyError: 'y' \(plain\.py, line 23, in loss\)", problem)


def test_a_start_that_is_computed_and_summed_over_width_is_refused_until_it_is_said(
    tmp_path: Path,
) -> None:
    hidden = "layer = nn.Linear(width, width); layer.weight.data.copy_(basis(width, width))"
    changes = (
        ("class Plain(Task):", BASIS),
        ("        return nn.Sequential(", f"        {hidden}\n        return nn.Sequential("),
        ("nn.Tanh()", "layer"),
    )
    refusal = refused(tmp_path, *changes)
    assert "no start that is sure to fit for 1.weight of Linear" in str(refusal)
    said = ('roles = {"2.weight": "output"}', f"roles = {{'2.weight': 'output', {KEPT}}}")
    description(tmp_path, *changes, said)


def test_a_start_that_is_computed_is_trained_from_where_nothing_is_summed_over_width(
    tmp_path: Path,
) -> None:
    first = "layer = nn.Linear(4, width); layer.weight.data.copy_(basis(width, 4))"
    description(
        tmp_path,
        ("class Plain(Task):", BASIS),
        ("nn.Linear(4, width)", "layer"),
        ("        return nn.Sequential(", f"        {first}\n        return nn.Sequential("),
    )
    shape = model_shape(model_spec(own_family(tmp_path / "plain.py", depth=2, width_divisor=4)))
    assert [tensor.name for tensor in shape.tensors if tensor.kept] == ["0.weight"]
