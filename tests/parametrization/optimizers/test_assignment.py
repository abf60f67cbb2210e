import subprocess
import sys

import pytest

from parametrization.nn.updates.registry import OPTIMIZERS, named
from parametrization.optimizers.assignment import (
    MODULAR_NORM,
    SCION,
    Assignment,
    everywhere,
    matrices_with,
)
from parametrization.shapes.roles import Role


@pytest.mark.parametrize("name", [name for name, o in OPTIMIZERS.items() if o.matrices_only])
def test_a_matrix_optimizer_with_a_companion_trains_every_role(name: str) -> None:
    assignment = matrices_with(name)
    assert assignment.by_role[Role.HIDDEN] == name
    assert {assignment.by_role[role] for role in Role if role is not Role.HIDDEN} == {"adamw"}


@pytest.mark.parametrize("assignment", [SCION, MODULAR_NORM, everywhere("lion")])
def test_vectors_and_scalars_never_get_a_matrix_optimizer(assignment: Assignment) -> None:
    for role in (Role.VECTOR, Role.SCALAR):
        assert not named(assignment.by_role[role]).matrices_only


def test_a_role_without_an_optimizer_is_named() -> None:
    with pytest.raises(ValueError, match="no optimizer for role vector, scalar, "):
        Assignment(dict.fromkeys([Role.INPUT, Role.HIDDEN, Role.OUTPUT], "adam"), "adam")


def test_a_lead_that_trains_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="muon_original leads and trains no role"):
        Assignment(dict.fromkeys(Role, "adam"), "muon_original")


def test_an_unknown_optimizer_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no optimizer 'muon'; known are .*muon_spectral"):
        named("muon")


def test_assignments_load_no_torch() -> None:
    code = "import sys, parametrization.optimizers.assignment; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
