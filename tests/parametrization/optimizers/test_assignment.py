import subprocess
import sys

import pytest

from parametrization.optimizers.assignment import Assignment, matrices_with
from parametrization.optimizers.lookup import WIDTH_ROWS
from parametrization.optimizers.registry import OPTIMIZERS, STUDIED, declared
from parametrization.rules.row import Refusal
from parametrization.shapes.roles import Role

MATRICES_ALONE = [n for n, rows in WIDTH_ROWS.items() if isinstance(rows[Role.VECTOR], Refusal)]


@pytest.mark.parametrize("name", MATRICES_ALONE)
def test_a_matrix_optimizer_with_a_companion_trains_every_role(name: str) -> None:
    assignment = matrices_with(name)
    assert assignment.by_role[Role.HIDDEN] == name
    assert {assignment.by_role[role] for role in Role if role is not Role.HIDDEN} == {"adamw"}


@pytest.mark.parametrize("name", STUDIED)
def test_vectors_and_scalars_never_get_a_matrix_optimizer(name: str) -> None:
    for role in (Role.VECTOR, Role.SCALAR):
        assert declared(name).assignment.by_role[role] not in MATRICES_ALONE


@pytest.mark.parametrize("name", STUDIED)
def test_a_declared_assignment_names_declared_optimizers_and_is_led_by_its_own(name: str) -> None:
    assignment = declared(name).assignment
    assert assignment.lead == name
    assert assignment.optimizers <= OPTIMIZERS.keys()


def test_a_role_without_an_optimizer_is_named() -> None:
    with pytest.raises(ValueError, match="no optimizer for role vector, scalar, "):
        Assignment(dict.fromkeys([Role.INPUT, Role.HIDDEN, Role.OUTPUT], "adam"), "adam")


def test_a_lead_that_trains_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="muon_original leads and trains no role"):
        Assignment(dict.fromkeys(Role, "adam"), "muon_original")


def test_an_unknown_optimizer_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no optimizer 'muon'; known are .*muon_spectral"):
        declared("muon")


def test_declarations_load_no_torch() -> None:
    code = "import sys, parametrization.optimizers.lookup; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
