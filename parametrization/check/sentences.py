"""Say of every tensor what was seen, and, where nothing else explains it, the likely cause."""

from collections.abc import Sequence
from typing import Final

from parametrization.check.causes import Failure, Seen, likely_cause
from parametrization.check.measured import CheckVerdict, Measured, decisive
from parametrization.check.slopes import LOSS_LOGITS, Grid
from parametrization.check.thresholds import SATURATED, Judged
from parametrization.check.words import UNALIGNED, Statistic, doubt, growth
from parametrization.shapes.roles import Role

_WHOLE_POWER: Final = 0.75  # of width, from here on
_LOOKS_LIKE: Final = ": looks like "


def likely_causes(verdict: CheckVerdict) -> tuple[str, ...]:
    """Likely causes of the failures as sentences, each once, in the tensors' order."""
    failed = (tensor.words for tensor in verdict.tensors if tensor.passed is False)
    causes = (words.partition(_LOOKS_LIKE)[2] for words in failed)
    return tuple(dict.fromkeys(filter(None, causes)))


def words_on(one: Measured, measured: Sequence[Measured], optimizer: str, grid: Grid) -> str:
    """The findings on one tensor or activation."""
    name, found = one.family.name, decisive(one)
    moved = found is not None and (one.is_activation or one.of(Statistic.UPDATE) is not None)
    if found is None or (found.passed and not moved):
        return f"{name}: {_why_still(one)}"
    if found.passed and (one.still or one.unused):
        members = ", ".join((*one.still, *one.unused))
        why = "never moved" if one.still else "no probe batch uses it"
        return f"{name}: {members}: {why}; the others as they should be"
    statistic = _called(found.statistic, one)
    if found.passed:
        return f"{name}: {statistic} slope {found.slope.mean:+.2f}{_rest(found)}, as it should be"
    relative = (
        " of what it should be"
        if found.statistic is Statistic.INITIAL and not one.is_activation
        else ""
    )
    seen = f"{name}: {statistic} {growth(found.slope.mean)}{relative}"
    context = seen_in(measured, grid)
    looks = likely_cause(one.family, found, context, optimizer)
    if found.passed is None:
        unsure = doubt(found.statistic, one.family.role, seeds_disagree=found.seeds_disagree)
        return f"{seen}: {UNALIGNED if found.is_unaligned else unsure}"
    return seen if looks is None else f"{seen}{_LOOKS_LIKE}{looks}"


def _rest(found: Judged) -> str:
    """The slope that decided, where it is another one."""
    if found.at_widest is not None:
        return f" ({found.at_widest.mean:+.2f} at the widest)"
    if found.aligned is not None:
        return f" ({found.aligned.mean:+.2f} of its aligned part)"
    return ""


def seen_in(measured: Sequence[Measured], grid: Grid) -> Seen:
    """The measurements that causes are searched in."""
    failures = [
        Failure(one.family, j, is_activation=one.is_activation)
        for one in measured
        for j in one.judged
        if j.passed is False
    ]
    logits = grid.values.get((LOSS_LOGITS, Statistic.INITIAL))
    largest = 0.0 if logits is None else float(logits.mean(axis=0).max())
    return Seen(
        failures,
        largest if largest > SATURATED else None,
        _bottleneck(measured),
        any(one.family.role is Role.OUTPUT and not one.is_activation for one in measured),
        any(_readout_moves(one) for one in measured),
    )


def _readout_moves(one: Measured) -> bool:
    update = one.of(Statistic.UPDATE)
    is_readout = one.family.role is Role.OUTPUT and not one.is_activation
    return is_readout and update is not None and update.passed is True


def _bottleneck(measured: Sequence[Measured]) -> str | None:
    """A fixed bottleneck that did not fail, where no error of all matrices can explain others.

    If all hidden matrices fail, they come after it and fall by half a power of width, as what they
    are given does; a wrong rate is wrong by a whole one.
    """
    tensors = [one for one in measured if not one.is_activation]
    narrow = next((one for one in tensors if _is_right_bottleneck(one)), None)
    if narrow is None:
        return None
    hidden = [one for one in tensors if one.family.role is Role.HIDDEN]
    wrong = [one for one in hidden if one.passed is False]
    behind = tensors[tensors.index(narrow) :]
    explained = len(wrong) < len(hidden) or all(one in behind and _halves(one) for one in wrong)
    return narrow.family.name if explained else None


def _is_right_bottleneck(one: Measured) -> bool:
    return one.family.role is Role.FIXED_BOTTLENECK and one.passed is not False


def _halves(one: Measured) -> bool:
    return all(
        -_WHOLE_POWER < found.slope.mean < 0 for found in one.judged if found.passed is False
    )


def _called(statistic: Statistic, one: Measured) -> str:
    if not one.is_activation:
        return statistic.value
    return "change" if statistic is Statistic.UPDATE else "size at step 0"


def _why_still(one: Measured) -> str:
    if one.is_activation:
        return "measured, not judged"
    if one.unused and not one.still:
        return "no probe batch uses it, at any width"
    if one.still:
        return "never moved, at any width"
    return "moved or was used at some widths and seeds alone"
