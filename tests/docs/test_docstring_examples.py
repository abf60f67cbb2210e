"""Every example in a docstring gives what it says."""

import doctest
from importlib import import_module
from typing import Final

import pytest

from tests.docs.blocks import ROOT

PACKAGES: Final = (
    "app",
    "benchmarks",
    "parametrization",
    "scripts",
    "service",
    "tuner",
    "widthwise",
    "workers",
)
MODULES: Final = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_give_what_they_say(module: str) -> None:
    ran = doctest.testmod(import_module(module))
    assert ran.attempted > 0
    assert ran.failed == 0
