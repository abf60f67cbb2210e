"""Records and reasons that an answer for a described target takes from its description."""

import math

from parametrization.recommendation.target import FieldMultiplier, TargetFacts
from parametrization.recommendation.trust import Reason
from parametrization.recommendation.values import TensorValues
from parametrization.shapes.family_sizes import TIED_SCALE
from parametrization.shapes.roles import ModelShape, Role
from tuner.recommendation.exports.frameworks.granite import wanted_multipliers
from tuner.recommendation.exports.frameworks.heads import Heads
from tuner.recommendation.exports.frameworks.namings import WIDTHWISE
from tuner.recommendation.exports.frameworks.renaming import naming_of, naming_of_names
from tuner.recommendation.targets.described import DescribedTarget, IllegalConfiguration
from tuner.recommendation.targets.matched import Matched, matched
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.registry import AnyFamily


def match_of(study: ModelShape, target: DescribedTarget) -> Matched:
    """The target's tensors with the study's base shapes.

    Raises:
        IllegalConfiguration: if the study's model is of another kind altogether: nothing matches,
            or one of the two is tied and the other is not.

    """
    is_tied = any(tensor.tied for tensor in study.tensors)
    if target.tied is not None and is_tied is not target.tied:
        words = (
            f"is {str(target.tied).lower()} and the study's readout is not so: the rules of the two"
            " differ; tune a family with the target's choice"
        )
        raise IllegalConfiguration("tie_word_embeddings", words)
    found = matched(study, target)
    if not found.shape.tensors:
        words = "no tensor of the study's model is like any of this target's"
        raise IllegalConfiguration("", words)
    roles = {tensor.role for tensor in found.shape.tensors}
    if target.tied is None and Role.OUTPUT not in roles and _has_readout(study):
        words = (
            "none of them is like the study's readout: where the target's is tied, tune a family"
            " whose readout is tied too; else name it as the study's model does"
        )
        raise IllegalConfiguration("tensors", words)
    return found


def of_the_target(
    study: ModelShape, match: Matched, rows: tuple[TensorValues, ...]
) -> tuple[TensorValues, ...]:
    """The numbers for a model that reads a tied table as it is, where the family gpt does not."""
    is_gpt = naming_of_names([tensor.name for tensor in study.tensors]) is WIDTHWISE
    if not is_gpt or naming_of(rows) is WIDTHWISE:
        return rows
    tied = {tensor.name for tensor in match.shape.tensors if tensor.tied}
    return tuple(
        row.model_copy(update={"multiplier": row.multiplier * TIED_SCALE})
        if row.pattern in tied
        else row
        for row in rows
    )


def multipliers_of(
    target: DescribedTarget,
    family: AnyFamily,
    rows: tuple[TensorValues, ...],
    residual_multiplier: float,
) -> tuple[FieldMultiplier, ...]:
    """Multipliers that the target's configuration has and needs; () where it has none."""
    if not target.multipliers or not isinstance(family, Gpt):
        return ()
    assert target.heads, "named beside multipliers"
    assert target.kv_heads, "named beside multipliers"
    assert target.head_size, "named beside multipliers"
    heads = Heads(target.heads, target.kv_heads, target.head_size, family.head_size)
    wanted = wanted_multipliers(rows, residual_multiplier, heads)
    return tuple(
        FieldMultiplier(field=field, given=given, wanted=wanted[field])
        for field, given in target.multipliers.items()
    )


def facts_of(
    target: DescribedTarget, match: Matched, multipliers: tuple[FieldMultiplier, ...]
) -> TargetFacts:
    """The record of the target in the answer."""
    return TargetFacts(
        source=target.source,
        heads=target.heads,
        kv_heads=target.kv_heads,
        head_size=target.head_size,
        feed_forward=target.feed_forward,
        vocabulary=target.vocabulary,
        tied=target.tied,
        context=target.context,
        multipliers=multipliers,
        unmapped=match.unmapped,
        unread=target.unread,
    )


def _has_readout(study: ModelShape) -> bool:
    return any(tensor.role is Role.OUTPUT for tensor in study.tensors)


def against(
    target: DescribedTarget, match: Matched, multipliers: tuple[FieldMultiplier, ...]
) -> tuple[Reason, ...]:
    """Reasons against trusting the answer: differences between target and proxies."""
    found = []
    if match.unmapped:
        words = (
            f"the study's model has nothing like {', '.join(match.unmapped)}: no number here is"
            " theirs; tune a family that has them"
        )
        found.append(Reason(topic="proxy", severity="abstain", words=words, excess=1.0))
    differing = [
        f"{one.field} {one.wanted:.6g} instead of {one.given:.6g}"
        for one in multipliers
        if not math.isclose(one.given, one.wanted, rel_tol=1e-6)
    ]
    if differing:
        words = (
            f"the target's configuration has other multipliers than this answer is for: give it"
            f" {', '.join(differing)}, as the config.json of the format hf-trainer does"
        )
        found.append(Reason(topic="proxy", severity="caution", words=words, excess=1.0))
    unknown = () if multipliers else tuple(target.multipliers)
    if unread := (*target.unread, *unknown):
        words = f"the proxies were trained without the target's {', '.join(unread)}"
        found.append(Reason(topic="proxy", severity="caution", words=words, excess=1.0))
    heads, kv_heads = target.heads, target.kv_heads
    if heads and kv_heads and heads != kv_heads and not match.grouped:
        words = (
            f"{heads // kv_heads} query heads share one key and value head, and in"
            " the proxies each has its own: transfer over that repetition is not measured here"
        )
        found.append(Reason(topic="proxy", severity="caution", words=words, excess=1.0))
    return tuple(found)
