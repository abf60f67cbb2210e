"""The answer in one sentence: verdict, target, and its peak learning rates."""

from collections.abc import Iterable

from parametrization.recommendation.target import WholeTarget
from parametrization.recommendation.trust import Verdict
from parametrization.recommendation.values import ParameterGroup
from parametrization.text.rounding import significant
from tuner.spec.states import StudyState


def headline(
    verdict: Verdict, state: StudyState, target: WholeTarget, model: str, rates: str
) -> str:
    """The sentence that leads every form of a recommendation.

    Args:
        model: the family and the optimizer.
        rates: as `peak_rates` lists them.

    """
    said = verdict.replace("_", " ").upper()
    whose = "" if state is StudyState.COMPLETED else f" (the study is {state})"
    return f"{said}{whose}: {target.words}; {model}, peak learning rates {rates}"


def peak_rates(groups: Iterable[ParameterGroup], digits: int) -> str:
    """The target's peak learning rates and the roles of the tensors that have them.

    Args:
        digits: significant ones that the rate is known to.

    """
    listed = tuple(groups)
    several = len({group.optimizer for group in listed}) > 1
    rates_of: dict[tuple[str, str], set[str]] = {}
    for group in listed:
        rate = significant(group.learning_rate, digits)
        rates_of.setdefault((group.role, group.optimizer), set()).add(rate)
    owners: dict[str, list[str]] = {}
    for group in listed:
        name = f"{group.role} by {group.optimizer}" if several else str(group.role)
        if len(rates_of[group.role, group.optimizer]) > 1:
            name += f" such as {group.patterns[0]}"
        of_rate = owners.setdefault(significant(group.learning_rate, digits), [])
        of_rate += [name] if name not in of_rate else []
    return ", ".join(f"{rate} ({', '.join(names)})" for rate, names in owners.items())
