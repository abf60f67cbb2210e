"""Plan the sizes that a study leaves open by its budget, before anything is trained.

Wide proxies come first, for the interval at the target grows with the distance in width; longer
runs take the rest, because rules of the duration are more certain over shorter distances.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from tuner.evidence.preview import Preview
from tuner.spec.budget import SECONDS_OF_HOUR, Budget
from tuner.spec.study import StudySpec

LEAST_WIDTH: Final = 16
"""Of planned proxies: below it hardly anything has been measured."""
LEAST_STEPS: Final = 50
"""Below it every answer is at most `caution`."""
LEAST_TRIALS: Final = 8
"""Of a planned search: one batch."""
NARROWER: Final = 8
"""Target over proxy width that is enough: three widths are measured, the widest half as wide."""


class Open(NamedTuple):
    """Sizes of a study that its budget decides."""

    width: bool
    steps: bool
    trials: bool


class OverBudget(ValueError):
    """No plan fits into the budget; `least` is the price of the cheapest plan in its `unit`."""

    def __init__(self, unit: str, given: float, least: float) -> None:
        self.unit, self.least = unit, least
        super().__init__(
            f"{unit} {given:g} is less than the {least:.3g} that the cheapest plan takes: give"
            " more, or lower what the study fixes (proxy_width, training.steps, search.trials,"
            " measure)"
        )


def left_open(asked: StudySpec) -> Open:
    """Sizes that the submitted study leaves to its budget.

    Widths and search are those of a built-in family; how long proxies train is open where the
    target has a duration of its own.
    """
    given = asked.model_fields_set
    measure = asked.measure.model_copy(update={"widths": ()})
    usual = asked.model_copy(update={"measure": measure}).measure_widths
    is_known = asked.family.parameters(asked.dataset, asked.proxy_width) is not None
    widths = {"proxy_width", "base_width"} & given or asked.measure.widths != usual
    has_steps = "steps" in asked.training.model_fields_set or not asked.whole_target.tokens_given
    return Open(
        width=is_known and not widths,
        steps=not has_steps,
        trials="trials" not in asked.search.model_fields_set,
    )


def planned_by_budget(
    spec: StudySpec, left: Open, look: Callable[[StudySpec], Preview]
) -> StudySpec:
    """The study with its open sizes planned by its budget.

    Unchanged without a budget, or while costs are not known: its trials then reach the budget.

    Args:
        look: preview of a study's plan and cost.

    Raises:
        OverBudget: if not even the cheapest plan fits.

    """
    if spec.budget is None:
        return spec
    most, cheapest = _limit(spec.budget), math.inf
    for some in _candidates(spec, left):
        price = _price(look(some), spec.budget)
        if price is None:
            return spec
        if price <= most:
            return _longer(some, left, spec.budget, look)
        cheapest = min(cheapest, price)
    raise OverBudget(spec.budget.unit, most, cheapest)


def _limit(budget: Budget) -> float:
    return float(getattr(budget, budget.unit))


def _price(found: Preview, budget: Budget) -> float | None:
    """Price of a plan in the budget's unit; None where that is not known."""
    if budget.unit == "flops_percent":
        return found.share_percent
    if found.time is None:
        return None
    hours = found.time.slot_seconds / SECONDS_OF_HOUR
    if budget.unit == "gpu_hours":
        return hours
    return None if budget.price_per_hour is None else hours * budget.price_per_hour


def _candidates(spec: StudySpec, left: Open) -> Iterator[StudySpec]:
    """From the best plan to the cheapest one: long enough runs first, then wide proxies."""
    default = spec.training.steps
    lengths = [default]
    while left.steps and lengths[-1] // 2 >= LEAST_STEPS:
        lengths.append(lengths[-1] // 2)
    trials = [spec.search.trials]
    if left.trials and trials[0] > LEAST_TRIALS:
        trials.append(LEAST_TRIALS)
    for of_search in trials:
        for steps in lengths:
            for width in _widths(spec, left):
                yield _with(spec, width, steps, of_search)


def _widths(spec: StudySpec, left: Open) -> Sequence[int]:
    """Widths of proxies, widest first."""
    if not left.width:
        return (spec.proxy_width,)
    first = spec.family.smallest_width(LEAST_WIDTH)
    doublings = max(0, math.floor(math.log2(spec.target.width / NARROWER / first)))
    widths = [first * 2**n for n in range(doublings, -1, -1)]
    return [width for width in widths if width <= spec.target.width] or (spec.proxy_width,)


def _longer(
    spec: StudySpec,
    left: Open,
    budget: Budget,
    look: Callable[[StudySpec], Preview],
) -> StudySpec:
    """The plan with updates doubled as often as the budget allows, up to the target's own."""
    while left.steps and 2 * spec.training.steps <= spec.whole_target.steps:
        longer = _with(spec, spec.proxy_width, 2 * spec.training.steps, spec.search.trials)
        price = _price(look(longer), budget)
        if price is None or price > _limit(budget):
            break
        spec = longer
    return spec


def _with(spec: StudySpec, width: int, steps: int, trials: int) -> StudySpec:
    changed: dict[str, object] = {
        "training": spec.training.model_copy(update={"steps": steps}),
        "search": spec.search.model_copy(update={"trials": trials}),
    }
    if width != spec.proxy_width:
        measure = spec.measure.model_copy(update={"widths": ()})
        changed |= {"proxy_width": width, "base_width": width, "measure": measure}
    planned = spec.model_copy(update=changed)
    measure = planned.measure.model_copy(update={"widths": planned.measure_widths})
    return planned.model_copy(update={"measure": measure})
