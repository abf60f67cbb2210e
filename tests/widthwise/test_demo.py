"""What the demonstration claims of a run."""

from typing import Any

import pytest

from scripts.demo import figures, thresholds
from tests.widthwise.conftest import SPEC
from widthwise.client import Client

HOLDS: dict[str, Any] = {
    "mup_shift_octaves": -0.33,
    "mup_argmin_shift_octaves": -1.0,
    "sp_shift_octaves": -3.25,
    "mup_regret_percent": 0.5,
    "sp_regret_percent": 19.0,
    "sp_diverges": False,
}


def test_the_figures_that_were_measured_beforehand_hold() -> None:
    assert all(claim.met for claim in thresholds(HOLDS))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mup_shift_octaves", 1.01),
        ("mup_shift_octaves", -1.01),
        ("mup_shift_octaves", None),
        ("mup_argmin_shift_octaves", 2.0),
        ("mup_argmin_shift_octaves", -2.0),
        ("sp_shift_octaves", -1.9),
        ("sp_shift_octaves", None),
        ("mup_regret_percent", 2.1),
        ("mup_regret_percent", None),
        ("sp_regret_percent", 5.9),
        ("sp_regret_percent", None),
    ],
)
def test_each_figure_alone_can_miss(name: str, value: float | None) -> None:
    assert [claim.met for claim in thresholds(HOLDS | {name: value})].count(False) == 1


def test_the_standard_parametrization_may_diverge_instead() -> None:
    diverging = HOLDS | {"sp_regret_percent": None, "sp_diverges": True}
    assert all(claim.met for claim in thresholds(diverging))


def test_the_figures_are_the_studys_own(finished: tuple[str, str]) -> None:
    """The analytic engine's optima: constant under muP, an octave lower per doubling under SP."""
    address, study_id = finished
    with Client(address) as client:
        found = figures(client.sensitivity(study_id), client.study(study_id))
    assert SPEC["proxy_width"] == 32
    assert found["proxy_log2_lr"] == pytest.approx(-6.0, abs=0.2)
    assert found["mup_shift_octaves"] == pytest.approx(0.0, abs=0.2)
    assert abs(found["mup_argmin_shift_octaves"]) <= 1
    assert found["sp_shift_octaves"] == pytest.approx(-3.0, abs=0.3)
    assert found["mup_regret_percent"] == pytest.approx(0.0, abs=0.5)
    assert found["sp_regret_percent"] > 6 or found["sp_diverges"]
