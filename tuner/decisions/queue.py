"""The place of every study in the queue, and the reason that it waits: a pure function."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from parametrization.recommendation.record import Record
from tuner.decisions.allocation import Use
from tuner.records.snapshot import ActiveStudy


class SlotsNow(NamedTuple):
    """The slots that all studies share, by their last reports."""

    well: int
    """Slots that run orders, or could."""
    free: int
    """Slots that run none."""
    problems: tuple[str, ...] = ()
    """Problems of the other slots: `cpu-0: ...`."""


class Place(Record):
    """Place of a study in the queue for slots."""

    study_id: str
    priority: int
    running: int
    """Its orders that are in slots."""
    position: int | None
    """Among the studies that hold no slot, 1 for the next to get one; null while it holds one."""
    pending_reason: str | None
    """In words, what it waits for; null while it holds a slot."""
    eta_seconds: float | None
    """Until it gets a slot, at the pace of the orders of those who hold them; null before there is
    one, and while it holds a slot."""


def places(
    studies: Collection[ActiveStudy],
    running: Mapping[str, int],
    begun: Collection[str],
    slots: SlotsNow,
    order_seconds: float | None = None,
    most_per_share: int | None = None,
) -> tuple[Place, ...]:
    """Every study's place: those that hold slots first, then in the order of their turns.

    Exact by priority, by the slots that a share holds, and for studies that have had none. Among
    equals that have, the coordinator goes by slot-seconds, which are not known here: they stand
    by age.

    Args:
        studies: those that are active and train in shared slots.
        running: orders in slots, by study id.
        begun: ids of the studies that have had a slot before.
        slots: that they share.
        order_seconds: mean time that orders have taken lately.
        most_per_share: orders of one share that may run at once.

    """
    held = Counter(running)
    for study in studies:
        if study.share != study.id:
            held[study.share] += running.get(study.id, 0)
    use = Use(running=held, served=dict.fromkeys(begun, 0.0))
    queue = sorted(studies, key=lambda study: (not running.get(study.id), use.precedence(study)))
    waiting = 0
    found = []
    for study in queue:
        if count := running.get(study.id, 0):
            found.append(_place(study, count, None, None, None))
            continue
        waiting += 1
        is_limited = most_per_share is not None and held[study.share] >= most_per_share
        reason = _limit_words(held[study.share]) if is_limited else _reason(waiting, slots)
        turns = max(0, waiting - slots.free)
        pace = None if order_seconds is None or not slots.well else order_seconds / slots.well
        found.append(
            _place(study, 0, waiting, reason, None if pace is None else round(turns * pace, 1))
        )
    return tuple(found)


def _place(
    study: ActiveStudy,
    running: int,
    position: int | None,
    reason: str | None,
    eta_seconds: float | None,
) -> Place:
    return Place(
        study_id=study.id,
        priority=study.priority,
        running=running,
        position=position,
        pending_reason=reason,
        eta_seconds=eta_seconds,
    )


def _reason(position: int, slots: SlotsNow) -> str:
    if not slots.well:
        if not slots.problems:
            return "No slot has reported yet."
        return f"No slot can run orders ({'; '.join(slots.problems)}): it goes on once one can."
    if position <= slots.free:
        return "A slot is free: its next trials are about to start."
    ahead = position - 1
    before = {0: "it is next", 1: "one study is before it"}.get(
        ahead, f"{ahead} studies are before it"
    )
    busy = "The one slot is" if slots.well == 1 else f"All {slots.well} slots are"
    return f"{busy} taken; {before}."


def _limit_words(held: int) -> str:
    return (
        f"Its owner runs {held} orders, as many as one may at once"
        " (WIDTHWISE_SLOTS_PER_OWNER): it waits for one of them to end."
    )
