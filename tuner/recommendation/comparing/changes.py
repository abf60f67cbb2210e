"""Find the changes between two answers of one study for one target."""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.record import Record
from parametrization.recommendation.trust import Reason, Verdict
from tuner.recommendation.comparing.answers import RateChange, in_short, rate_change
from tuner.recommendation.comparing.spec_differences import leaves

Json = Any
"""A JSON value."""

_NUMBERS: Final = (
    "base_hyperparameters",
    "residual_multiplier",
    "gradient_clip_norm",
    "gradient_clip_value",
    "gradient_clip_percentile",
    "weight_average",
    "multipliers",
    "policies",
)
"""Parts of an answer, beside its groups and its schedule, that a target's run uses."""
_SHOWN: Final = 8
"""Values whose changes are listed one by one."""


class ValueChange(Record):
    """A value of the answer that has changed."""

    pointer: str
    """JSON pointer into the answer; groups stand under their optimizer and role."""
    before: Json
    """Null where the stored answer has no such value."""
    now: Json


class AnswerChanges(Record):
    """Differences of today's answer from an earlier one."""

    is_same: bool
    """Neither values nor verdict, reasons, rules or evidence have changed."""
    verdict_before: Verdict
    verdict_now: Verdict
    learning_rate: RateChange
    """At the base."""
    values: tuple[ValueChange, ...]
    """Changed values that a run uses."""
    reasons_added: tuple[Reason, ...]
    """Reasons against the answer that are new."""
    reasons_gone: tuple[Reason, ...]
    rule_version_before: str
    rule_version_now: str
    trials_before: int
    trials_now: int
    is_evidence_same: bool
    words: tuple[str, ...]
    """The changes as sentences, the most important first."""


def changes_between(before: RecommendationDocument, now: RecommendationDocument) -> AnswerChanges:
    """Differences of the second answer from the first."""
    old, new = dict(_values(before)), dict(_values(now))
    values = tuple(
        ValueChange(pointer=pointer, before=old.get(pointer), now=new.get(pointer))
        for pointer in dict.fromkeys((*old, *new))
        if old.get(pointer) != new.get(pointer)
    )
    said_before, said_now = ({one.words for one in answer.reasons} for answer in (before, now))
    first, second = before.provenance, now.provenance
    found = AnswerChanges(
        is_same=False,
        verdict_before=before.verdict,
        verdict_now=now.verdict,
        learning_rate=rate_change(in_short(before), in_short(now)),
        values=values,
        reasons_added=tuple(one for one in now.reasons if one.words not in said_before),
        reasons_gone=tuple(one for one in before.reasons if one.words not in said_now),
        rule_version_before=first.rule_version,
        rule_version_now=second.rule_version,
        trials_before=first.trials,
        trials_now=second.trials,
        is_evidence_same=first.evidence_sha256 == second.evidence_sha256,
        words=(),
    )
    words = tuple(_words(found))
    same = "nothing: today's answer is the stored one"
    return found.model_copy(update={"is_same": not words, "words": words or (same,)})


def _words(found: AnswerChanges) -> Iterator[str]:
    if found.verdict_before != found.verdict_now:
        yield f"verdict: {found.verdict_before} → {found.verdict_now}"
    if any(one.pointer == "/base_hyperparameters/learning_rate" for one in found.values):
        yield found.learning_rate.words
    yield from (f"now against it: {one.words}" for one in found.reasons_added)
    yield from (f"no longer against it: {one.words}" for one in found.reasons_gone)
    if found.rule_version_before != found.rule_version_now:
        yield f"scaling rules: version {found.rule_version_before} → {found.rule_version_now}"
    if not found.is_evidence_same:
        yield f"evidence: {found.trials_before} trials → {found.trials_now} trials"
    for one in found.values[:_SHOWN]:
        yield f"{_named(one.pointer)}: {_said(one.before)} → {_said(one.now)}"
    if len(found.values) > _SHOWN:
        yield f"and {len(found.values) - _SHOWN} more values"


def _values(answer: RecommendationDocument) -> Iterator[tuple[str, Json]]:
    """Values that a run uses, by JSON pointer."""
    document = answer.model_dump(mode="json")
    yield "/optimizer", document["optimizer"]
    for name in _NUMBERS:
        yield from leaves(f"/{name}", document[name])
    schedule = {name: one for name, one in document["schedule"].items() if name != "preview"}
    yield from leaves("/schedule", schedule)
    for name, group in _groups(document["groups"]).items():
        yield from leaves(f"/groups/{name}", group)


def _groups(listed: list[dict[str, Json]]) -> Mapping[str, dict[str, Json]]:
    """Groups by optimizer and role, numbered where several have the same."""
    named: dict[str, dict[str, Json]] = {}
    for group in listed:
        name = f"{group['optimizer']} {group['role']}"
        free = next(at for at in count(1) if _numbered(name, at) not in named)
        kept = {key: one for key, one in group.items() if key not in ("optimizer", "role")}
        named[_numbered(name, free)] = kept
    return named


def _numbered(name: str, at: int) -> str:
    return name if at == 1 else f"{name} {at}"


def _named(pointer: str) -> str:
    return pointer.strip("/").replace("/", ", ").replace("_", " ")


def _said(value: Json) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value)
