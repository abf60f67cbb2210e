"""Plugins in processes of their own, as they are installed: listed, checked, and refused."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parametrization.optimizers.rules_version import TABLES_DIGEST
from tests.plugins.conftest import ROOT, environment

HONEST = ("conjugate_gradient", "adam_then_sgd", "gauss_newton", "learned")
LYING = ("sgd_as_adam", "second_phase")

pytestmark = pytest.mark.slow


def run(module: str, *arguments: str, sites: tuple[Path, ...]) -> tuple[dict[str, Any], str]:
    """What the module says in a process beside the plugins, and what it logs."""
    ran = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment(*sites),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert ran.returncode == 0, ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout)
    return said, ran.stderr


@pytest.fixture(scope="module")
def listed(example_site: Path, lying_site: Path) -> tuple[dict[str, Any], str]:
    return run("tests.plugins.listed", sites=(example_site, lying_site))


def test_the_service_lists_plugins_with_their_packages_and_loads_no_torch(
    listed: tuple[dict[str, Any], str],
) -> None:
    found, _ = listed
    versions = dict.fromkeys(HONEST, "more-optimizers 0.1.0")
    versions |= dict.fromkeys(("nowhere", *LYING), "lies 9.9")
    assert found["plugins"] == versions
    assert found["members"] == sorted(versions)
    assert {"learning_rate", "restart_after", "descent", "longest", "plugin"} <= set(
        found["options"]["conjugate_gradient"]
    )
    assert found["torch"] is False


def test_a_stored_study_keeps_the_versions_and_reads_back(
    listed: tuple[dict[str, Any], str],
) -> None:
    found, _ = listed
    assert found["stored"] == [found["plugins"][name] for name in found["members"]]
    assert found["reads_back"] is True


def test_a_packages_schedule_is_listed_and_stored_with_its_version(
    listed: tuple[dict[str, Any], str],
) -> None:
    found, _ = listed
    assert found["schedules"] == {"exponential": "more-optimizers 0.1.0"}
    stored = found["stored_schedule"]
    assert (stored["plugin"], stored["numbers"]) == ("more-optimizers 0.1.0", {"halvings": 4.0})


def test_a_broken_plugin_stops_nothing_and_is_named_in_catalogue_log_and_refusal(
    listed: tuple[dict[str, Any], str],
) -> None:
    found, log = listed
    reason = "lies:NOT_A_DECLARATION is a str, not an OptimizerDeclaration"
    left_out = {one["name"]: one for one in found["left_out"]}
    assert set(left_out) == {"adamw", "broken", "wrong_name", "wrong_type"}
    assert left_out["wrong_type"] == {"name": "wrong_type", "plugin": "lies 9.9", "reason": reason}
    assert f'optimizer=wrong_type package="lies 9.9" reason="{reason}"' in log
    assert f"wrong_type of lies 9.9 cannot be used: {reason}" in found["refused"]
    assert found["built_in"] == "adamw"  # ours, not the plugin's of that name


def test_a_plugins_numbers_have_the_ranges_it_declares(listed: tuple[dict[str, Any], str]) -> None:
    assert "less than 1" in listed[0]["out_of_range"]


def test_a_plugin_changes_nothing_of_the_rules_version(listed: tuple[dict[str, Any], str]) -> None:
    assert listed[0]["tables"] == TABLES_DIGEST


@pytest.fixture(scope="module")
def checked(example_site: Path, lying_site: Path) -> dict[str, Any]:
    return run("tests.plugins.checked", *HONEST, *LYING, sites=(example_site, lying_site))[0]


@pytest.mark.parametrize("name", HONEST)
def test_the_coordinate_check_confirms_an_honest_declaration(
    checked: dict[str, Any], name: str
) -> None:
    assert checked[name]["passed"] is True, checked[name]["summary"]


def test_the_coordinate_check_refuses_a_degree_that_is_not_the_steps(
    checked: dict[str, Any],
) -> None:
    """Rates of degree 0 keep a step whose gradients fall with width from reaching anything."""
    verdict = checked["sgd_as_adam"]
    assert verdict["passed"] is False
    assert verdict["slopes"]["layers.0.weight"] < -0.8
    assert "of degree 0 by entries as lies 9.9 declares" in verdict["summary"]


def test_the_coordinate_check_refuses_a_wrong_degree_of_a_second_phase(
    checked: dict[str, Any],
) -> None:
    verdict = checked["second_phase"]
    assert verdict["passed"] is False
    assert verdict["slopes"]["readout.weight"] < -0.35


@pytest.fixture(scope="module")
def studied(example_site: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = str(tmp_path_factory.mktemp("studied"))
    return run("tests.plugins.studied", folder, sites=(example_site,))[0]


def test_a_plugins_optimizer_is_studied_and_its_version_kept(studied: dict[str, Any]) -> None:
    assert studied["study"]["state"] == "completed", studied["study"]["reason"]
    answer = studied["recommendation"]
    assert answer["provenance"]["plugin"] == "more-optimizers 0.1.0"
    hidden = next(one for one in answer["tensors"] if one["role"] == "hidden")
    assert "adam_then_sgd rate / 4 (derived, low confidence)" in hidden["reason"]


def test_a_version_that_is_not_installed_is_refused(studied: dict[str, Any]) -> None:
    status, detail = studied["refused"]
    assert status == 409
    assert "more-optimizers 0.1.0 is installed: install more-optimizers 0.0.9" in detail


def test_a_study_does_not_go_on_with_another_version(studied: dict[str, Any]) -> None:
    difference = "adam_then_sgd is of more-optimizers 0.1.0, and more-optimizers 0.2.0 is installed"
    status, detail = studied["resumed"]
    assert status == 409
    assert difference in detail
    (unfinished, parked), (finished, _) = studied["listed"]
    assert (unfinished, finished) == ("paused", "completed")
    assert difference in parked
