"""Count the trials that a study would run, by purpose and width."""

from tuner.evidence import further
from tuner.evidence.next_trials import AROUND_STEPS, FIRST_RATES, first_seeds
from tuner.spec.states import Purpose
from tuner.spec.study import StudySpec


def planned_trials(spec: StudySpec) -> dict[tuple[Purpose, int], int]:
    """Trials by purpose and width: what an adaptive plan usually takes, grids before extensions."""
    optimizers = len(spec.optimizers)
    grid = dict.fromkeys(
        spec.measure_widths, optimizers * spec.measure.seeds * spec.measure.grid_points
    )
    usual = grid
    if spec.measure.plan == "adaptive":
        usual = {w: optimizers * n for w, n in adaptive_trials(spec).items()}
    planned = {(Purpose.CONFIRM, width): count for width, count in further.planned(spec).items()}
    planned |= {(Purpose.MEASURE, width): count for width, count in usual.items()}
    if spec.control == "sp":
        planned |= {(Purpose.CONTROL, width): count for width, count in grid.items()}
    if spec.family.is_external:
        planned[Purpose.REPEAT, spec.proxy_width] = len(spec.optimizers)
    return {(Purpose.SEARCH, spec.proxy_width): spec.search.trials * len(spec.optimizers)} | planned


def adaptive_trials(spec: StudySpec) -> dict[int, int]:
    """Trials of one optimizer by width, as many as an adaptive measurement usually takes."""
    widths = spec.measure_widths
    costs = tuple(float(width**2) for width in widths)
    planned = {
        width: FIRST_RATES * first_seeds(cost, costs[-1])
        for width, cost in zip(widths, costs, strict=True)
    }
    return planned | {widths[-1]: planned[widths[-1]] + len(AROUND_STEPS)}
