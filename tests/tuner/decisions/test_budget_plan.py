"""Studies that are planned by a budget, and end at it."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.tuner.builders import spec
from tuner.decisions.budget_plan import (
    LEAST_STEPS,
    NARROWER,
    OverBudget,
    left_open,
    planned_by_budget,
)
from tuner.evidence.planning.slots import SlotsAtWork
from tuner.evidence.planning.study_preview import preview
from tuner.evidence.preview import MeasuredSpeed, Preview
from tuner.spec.study import StudySpec

TARGET = {"width": 2048, "tokens": 10**7}


def looked_at(asked: StudySpec) -> Preview:
    speed = MeasuredSpeed(family="gpt", width=64, flops_per_second=1e9)
    return preview(asked, None, SlotsAtWork(2, [speed]))


def planned(**fields: Any) -> StudySpec:  # noqa: ANN401  fields of a pydantic model
    asked = StudySpec.model_validate({"family": {"name": "gpt"}, "target": TARGET} | fields)
    return planned_by_budget(asked, left_open(asked), looked_at)


@pytest.mark.parametrize("percent", [0.02, 0.1, 0.5, 3.0, 20.0])
def test_a_plan_fits_into_its_share_of_the_target(percent: float) -> None:
    found = planned(budget={"flops_percent": percent})
    share = looked_at(found).share_percent
    assert share is not None
    assert share <= percent
    assert found.training.steps >= LEAST_STEPS
    assert found.measure.widths == tuple(found.proxy_width * 2**n for n in range(3))


def test_more_budget_never_gives_narrower_proxies_or_a_wider_interval() -> None:
    plans = [planned(budget={"flops_percent": 0.02 * 3**n}) for n in range(9)]
    intervals = [found.octaves for plan in plans if (found := looked_at(plan).interval)]
    assert len(intervals) == len(plans)
    assert intervals == sorted(intervals, reverse=True)
    assert plans[-1].proxy_width == TARGET["width"] // NARROWER
    assert plans[-1].training.steps > plans[0].training.steps


def test_longer_runs_are_planned_up_to_the_targets_own() -> None:
    found = planned(budget={"flops_percent": 10**5})
    assert found.training.steps <= found.whole_target.steps < 2 * found.training.steps


def test_hours_are_planned_by_the_speed_that_trials_have_shown() -> None:
    found = planned(budget={"gpu_hours": 0.5})
    time = looked_at(found).time
    assert time is not None
    assert time.slot_seconds <= 1800 < 3 * time.slot_seconds


def test_without_a_known_speed_hours_leave_the_study_as_it_is() -> None:
    asked = StudySpec.model_validate(
        {"family": {"name": "gpt"}, "target": TARGET, "budget": {"gpu_hours": 1}}
    )
    found = planned_by_budget(
        asked, left_open(asked), lambda one: preview(one, None, SlotsAtWork())
    )
    assert found == asked


def test_what_a_study_fixes_stays() -> None:
    fixed = {"proxy_width": 64, "training": {"steps": 100}, "search": {"trials": 12}}
    found = planned(budget={"flops_percent": 50}, **fixed)
    assert (found.proxy_width, found.training.steps, found.search.trials) == (64, 100, 12)


def test_updates_stay_where_the_target_trains_as_long_as_the_proxies() -> None:
    found = planned(budget={"flops_percent": 2000}, target={"width": 2048})
    assert found.training.steps == 200


def test_a_budget_that_nothing_fits_into_names_what_the_cheapest_plan_takes() -> None:
    with pytest.raises(OverBudget) as caught:
        planned(budget={"flops_percent": 1e-6})
    least = caught.value.least
    assert looked_at(planned(budget={"flops_percent": least})).share_percent == least


@pytest.mark.parametrize("budget", [{}, {"gpu_hours": 1, "flops_percent": 2}])
def test_a_budget_has_one_unit(budget: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give one of gpu_hours, flops_percent and cost"):
        spec(budget=budget)


def test_a_cost_is_planned_as_hours_at_its_price() -> None:
    hours = planned(budget={"gpu_hours": 0.5})
    cost = planned(budget={"cost": 2.0, "price_per_hour": 4.0})
    kept = {"budget": None}
    assert cost.model_copy(update=kept) == hours.model_copy(update=kept)
    assert cost.budget is not None
    assert cost.budget.hours == 0.5
    time = looked_at(cost).time
    assert time is not None
    assert time.cost == pytest.approx(time.slot_seconds / 3600 * 4.0)
    with pytest.raises(OverBudget, match=r"cost 1e-06 is less than the .* cheapest plan takes"):
        planned(budget={"cost": 1e-6, "price_per_hour": 4.0})


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"cost": 1, "gpu_hours": 1}, "gpu_hours and cost given"),
        ({}, "neither gpu_hours nor flops_percent nor cost given"),
        ({"gpu_hours": 1, "price_per_hour": 2}, "price_per_hour without cost"),
    ],
)
def test_a_budget_has_one_unit_and_a_price_belongs_to_a_cost(
    budget: dict[str, float], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        planned(budget=budget)
