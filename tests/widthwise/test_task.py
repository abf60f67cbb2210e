"""The class that tasks derive from: what it asks for, and the words where it is not given."""

import subprocess
import sys
from typing import Any

import pytest

from parametrization.shapes.roles import Role
from widthwise.task import Task, has, task_problems, task_roles


def made(**members: Any) -> type[Task]:  # noqa: ANN401  whatever a class may hold
    """A whole task, with these members instead of its own."""

    def model(self: Task, width: int, depth: int) -> None: ...

    def loss(self: Task, model: object, batch: object) -> None: ...

    def batch(self: Task, seed: int, step: int, size: int) -> None: ...

    whole = {"model": model, "loss": loss, "batch": batch} | members
    return type("Whole", (Task,), {name: one for name, one in whole.items() if one is not None})


def test_model_loss_and_batch_are_enough() -> None:
    assert task_problems(made()) == ()
    assert not has(made(), "validate")
    assert has(made(), "batch")


def test_roles_may_be_given_by_name() -> None:
    task = made(roles={"head.weight": "output", "a.b": Role.GQA_KV, "c": (Role.HIDDEN, 1, 0)})
    assert task_problems(task) == ()
    assert task_roles(task) == {
        "head.weight": Role.OUTPUT,
        "a.b": Role.GQA_KV,
        "c": (Role.HIDDEN, 1, 0),
    }


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        (
            {"base_width": 100, "width_divisor": 32},
            "base_width 100 is not a multiple of width_divisor 32: the nearest that is is 96",
        ),
        ({"base_width": 1.5}, "base_width is 1.5: give a whole number from 1 to 1048576"),
        ({"depth": True}, "depth is True: give a whole number from 1 to 1024"),
        ({"tokens_per_example": 0}, "tokens_per_example is 0: give a whole number"),
        ({"name": 3}, "name is 3: give a text"),
        ({"roles": ["head"]}, "roles is a list: give a dict of roles by parameter name"),
        ({"roles": {"head.weight": "readout"}}, "roles['head.weight'] is 'readout': use one of"),
        ({"blocks": "layers.*"}, "blocks is 'layers.*': give a list of patterns"),
        ({"blocks": [3]}, "blocks holds 3: give patterns of parameter names"),
        ({"model": None}, "there is no method model: write `def model(self, width, depth):`"),
        ({"loss": None}, "there is no method loss: write `def loss(self, model, batch):`"),
        ({"batch": None}, "there is no method batch: write `def batch(self, seed, step, size):`"),
        ({"loader": lambda self, seed: iter(())}, "it has both batch and loader: remove one"),
        (
            {"model": lambda self, width: None},
            "model(self, width) cannot be called with width, depth (too many positional arguments)",
        ),
        ({"loss": 3}, "loss is a int, not a method"),
        ({"batch": staticmethod(lambda seed, step, size: 0)}, "batch is a staticmethod, not a"),
        ({"__init__": lambda self, path: None}, "needs no arguments, but its __init__ does"),
    ],
)
def test_what_is_wrong_with_the_class_is_said_with_what_to_write(
    members: dict[str, Any], problem: str
) -> None:
    found = task_problems(made(**members))
    assert len(found) == 1
    assert problem in found[0]


def test_every_mistake_is_named_at_once() -> None:
    assert len(task_problems(made(model=None, loss=None, depth=0, blocks="a"))) == 4


@pytest.mark.parametrize("other", [int, 3, made, None])
def test_what_is_no_task_is_refused(other: object) -> None:
    assert "is no class derived from widthwise.Task" in task_problems(other)[0]


def test_importing_it_loads_no_torch() -> None:
    code = "import widthwise.task, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
