"""Which faults strike, and what is counted of them."""

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chaos.cost import Struck, cost
from benchmarks.chaos.plan import (
    ABSENCE_SECONDS,
    GLIMPSE_SECONDS,
    PAUSE_SECONDS,
    kinds_of,
    plan,
)

ENGINES = ("local", "ray")
DATABASES = ("sqlite", "postgresql")


@given(
    engine=st.sampled_from(ENGINES),
    database=st.sampled_from(DATABASES),
    quick=st.booleans(),
    seed=st.integers(0, 2**31),
    rounds=st.integers(1, 4),
)
def test_a_plan_follows_from_its_seed_and_has_every_kind_equally_often(
    engine: str, database: str, quick: bool, seed: int, rounds: int
) -> None:
    kinds = kinds_of(engine, database, quick=quick)
    faults = list(itertools.islice(plan(kinds, seed, quick=quick), rounds * len(kinds)))
    again = list(itertools.islice(plan(kinds, seed, quick=quick), rounds * len(kinds)))
    assert faults == again
    assert Counter(fault.kind for fault in faults) == dict.fromkeys(kinds, rounds)
    for fault in faults:
        assert 0 <= fault.pause_seconds <= PAUSE_SECONDS
        assert 0 <= fault.chance < 1
        longest = {} if quick else ABSENCE_SECONDS
        freezes = {GLIMPSE_SECONDS, longest.get(fault.victim, GLIMPSE_SECONDS)}
        assert fault.lasts_seconds in (freezes if fault.how == "frozen" else {0.0})


def test_another_seed_strikes_in_another_order() -> None:
    kinds = kinds_of("ray", "postgresql", quick=False)
    orders = {
        tuple(fault.kind for fault in itertools.islice(plan(kinds, seed, quick=False), len(kinds)))
        for seed in range(5)
    }
    assert len(orders) == 5


def test_what_is_struck_is_what_there_is() -> None:
    victims = {
        (engine, database): {kind.split()[0] for kind in kinds_of(engine, database, quick=False)}
        for engine in ENGINES
        for database in DATABASES
    }
    alone = {"worker", "tuner", "api"}
    assert victims["local", "sqlite"] == alone
    assert victims["local", "postgresql"] == alone | {"postgresql", "standby"}
    assert victims["ray", "sqlite"] == alone | {"node", "head"}
    assert victims["ray", "postgresql"] == alone | {"postgresql", "standby", "node", "head"}
    assert "head killed" not in kinds_of("ray", "sqlite", quick=True)


def outcome(losses: dict[int, float], trials: tuple[str, ...] = ("a", "b")) -> dict[str, Any]:
    return {
        "trials": {name: {"state": "complete", "value": 1.0} for name in trials},
        "curves": {f"{name} train_loss": losses for name in trials},
    }


CALM = outcome({1: 2.0, 2: 1.5})
FOUR = [("std_1", 0), ("std_1", 1), ("std_2", 0), ("std_2", 1)]


def result(**found: Any) -> dict[str, Any]:  # noqa: ANN401
    fields: dict[str, Any] = {
        "faults": Counter({"worker killed": 2}),
        "recoveries": [1.0, 3.0],
        "states": ["completed"],
        "outcomes": [CALM],
        "completions": [("std_1", 0), ("std_1", 1)],
        "broken": [],
        "orphans": 0,
    }
    return cost("local", Struck(**fields | found), [CALM])


def test_faults_that_cost_nothing_are_counted_as_such() -> None:
    assert result() == {
        "engine": "local",
        "faults": {"worker killed": 2},
        "compared": {"studies": 1, "trials": 2, "curves": 2},
        "lost_studies": 0,
        "lost_trials": 0,
        "repeated_finished_trials": 0,
        "curve_mismatches": 0,
        "still_broken": [],
        "orphans": 0,
        "recovery_seconds": {"median": 2.0, "max": 3.0},
    }


@pytest.mark.parametrize(
    ("found", "counted"),
    [
        ({"states": ["completed", "searching", "failed"]}, {"lost_studies": 2}),
        (
            {"outcomes": [outcome({1: 2.0, 2: 1.5}, ("a",))]},
            {
                "compared": {"studies": 1, "trials": 1, "curves": 1},
                "lost_trials": 1,
                "curve_mismatches": 2,  # the trial and its curve
            },
        ),
        ({"completions": [("std_1", 0), ("std_1", 1)] * 2}, {"repeated_finished_trials": 2}),
        ({"outcomes": [outcome({1: 2.0, 2: 1.6})]}, {"curve_mismatches": 2}),
        (
            {"outcomes": [CALM, outcome({1: 2.0})], "completions": FOUR},
            {"compared": {"studies": 2, "trials": 4, "curves": 4}, "curve_mismatches": 2},
        ),
        ({"broken": ["ray-1: ⚠ waits"]}, {"still_broken": ["ray-1: ⚠ waits"]}),
        ({"orphans": 1}, {"orphans": 1}),
        (
            {"faults": Counter[str](), "recoveries": []},
            {"faults": {}, "recovery_seconds": {"median": None, "max": None}},
        ),
    ],
    ids=[
        "studies",
        "trials",
        "repeated",
        "curves",
        "a later round",
        "broken",
        "orphans",
        "no fault",
    ],
)
def test_every_loss_is_counted(found: dict[str, Any], counted: dict[str, Any]) -> None:
    assert result(**found) == result() | counted


def test_trials_whose_completion_was_never_declared_are_no_evidence() -> None:
    with pytest.raises(ValueError, match="2 trials are complete, 1 were declared so"):
        result(completions=[("std_1", 0)])
