"""What entry points offer, what is left out and why."""

import re
from dataclasses import replace
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any

import pytest

from more_optimizers.declarations import ADAM_THEN_SGD
from parametrization.optimizers.declaration import (
    Hyperparameter,
    OptimizerDeclaration,
    Range,
    Step,
    StepKind,
)
from parametrization.optimizers.registry import BUILT_IN, GROUP
from parametrization.plugins import find_plugins, judged
from tests.plugins.conftest import EXAMPLE, LIES, ROOT, write_metadata


def points_of(site: Path) -> list[EntryPoint]:
    return [point for found in distributions(path=[str(site)]) for point in found.entry_points]


def test_nothing_is_installed_where_the_tests_run() -> None:
    assert not find_plugins(GROUP, BUILT_IN).usable


def test_what_cannot_be_used_is_left_out_with_package_and_reason(importable: Path) -> None:
    found = judged(GROUP, points_of(importable)).beside(BUILT_IN, GROUP.word)
    assert list(found.usable) == ["nowhere", "second_phase", "sgd_as_adam"]
    assert {(one.name, one.package): one.reason for one in found.left_out} == {
        ("adamw", "lies 9.9"): "widthwise itself has an optimizer of that name",
        ("broken", "lies 9.9"): "importing lies_about_its_imports:ANYTHING failed:"
        " ModuleNotFoundError: No module named 'lies_about_its_imports'",
        ("wrong_name", "lies 9.9"): "the entry point is called wrong_name and its declaration"
        " nowhere",
        ("wrong_type", "lies 9.9"): "lies:NOT_A_DECLARATION is a str, not an OptimizerDeclaration",
    }


def test_two_packages_with_one_name_are_both_left_out_and_both_named(
    importable: Path, tmp_path: Path
) -> None:
    write_metadata(tmp_path, "more-lies", "1.0", LIES)
    found = judged(GROUP, [*points_of(importable), *points_of(tmp_path)])
    assert not found.usable
    reasons = {(one.package, one.reason) for one in found.left_out if one.name == "nowhere"}
    both = "lies 9.9 and more-lies 1.0 offer this name: uninstall all but one"
    assert reasons == {("lies 9.9", both), ("more-lies 1.0", both)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Adam-Then-SGD"}, "lower case with underscores, got 'Adam-Then-SGD'"),
        ({"update": "more_optimizers.adam_then_sgd"}, "written package.module:function"),
        ({"log2_rates": (-2, -10)}, "must ascend"),
        ({"check_learning_rate": 0.0}, "check_learning_rate must be > 0"),
        ({"check_hyperparameters": {"warmup": 1.0}}, "warmup=1.0 is no hyperparameter of it"),
        ({"check_hyperparameters": {"beta1": 1.0}}, "beta1=1.0 is no hyperparameter of it"),
        ({"hyperparameters": {"learning_rate": Hyperparameter(default=1)}}, "reserved"),
        ({"hyperparameters": {"companion_b": Hyperparameter(default=1)}}, "reserved"),
        ({"hyperparameters": {"input_rate_multiplier": Hyperparameter(default=1)}}, "reserved"),
        ({"hyperparameters": {"epsilon": Hyperparameter(default=1e-8)}}, "needs a gradient_power"),
    ],
)
def test_a_declaration_that_could_not_be_used_is_refused(change: Any, words: str) -> None:  # noqa: ANN401
    changed: dict[str, Any] = {"check_hyperparameters": {}, **change}
    with pytest.raises(ValueError, match=words):
        replace(ADAM_THEN_SGD, **changed)


@pytest.mark.parametrize("degree", [2.5, -3, float("nan"), float("inf")])
def test_a_degree_that_no_step_has_is_refused(degree: float) -> None:
    with pytest.raises(ValueError, match="degree must be from -2 to 2"):
        Step(degree=degree)


@pytest.mark.parametrize("degree", ["1", None, True])
def test_a_degree_that_is_no_number_is_refused(degree: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match="degree must be a number"):
        Step(degree=degree)


def test_a_kind_of_step_may_be_given_by_its_name() -> None:
    assert Step(degree=0, kind="tensor").kind is StepKind.TENSOR  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'layer' is not a valid StepKind"):
        Step(degree=0, kind="layer")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("allowed", "value", "holds"),
    [
        (Range.POSITIVE, 0.0, False),
        (Range.POSITIVE, 1e-9, True),
        (Range.AT_LEAST_ZERO, 0.0, True),
        (Range.AT_LEAST_ZERO, -1e-9, False),
        (Range.FRACTION, 1.0, False),
        (Range.FRACTION, 0.0, True),
    ],
)
def test_a_range_holds_what_its_words_say(allowed: Range, value: float, *, holds: bool) -> None:
    assert allowed.holds(value) is holds


def test_a_default_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a default must be in \[0, 1\), got 1"):
        Hyperparameter(default=1, range=Range.FRACTION)


def test_the_documents_code_is_the_examples() -> None:
    """Every block of docs/extending/optimizers.md stands line by line in a file of the example."""
    blocks = re.findall(
        r"```\w+\n(.*?)```", (ROOT / "docs" / "extending" / "optimizers.md").read_text(), re.DOTALL
    )
    files = [path.read_text() for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".toml")]
    assert len(blocks) == 2
    assert [block for block in blocks if not any(block in text for text in files)] == []


def test_the_example_declares_what_it_needs(example_site: Path) -> None:
    found = judged(GROUP, [at for at in points_of(example_site) if at.group == GROUP.points])
    assert not found.left_out
    assert {name: plugin.package for name, plugin in found.usable.items()} == dict.fromkeys(
        ("adam_then_sgd", "conjugate_gradient", "gauss_newton", "learned"), "more-optimizers 0.1.0"
    )
    assert all(isinstance(one.declaration, OptimizerDeclaration) for one in found.usable.values())
