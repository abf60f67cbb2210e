"""Records of what an answer for a described target says of the description."""

from parametrization.recommendation.target import TargetFacts
from parametrization.recommendation.trust import Reason
from parametrization.shapes.roles import ModelShape
from tuner.recommendation.targets.described import DescribedTarget, IllegalConfiguration
from tuner.recommendation.targets.matched import Matched, matched


def match_of(study: ModelShape, target: DescribedTarget) -> Matched:
    """The target's tensors with the study's base shapes.

    Raises:
        IllegalConfiguration: if the study's model is of another kind altogether: nothing matches,
            or one of the two is tied and the other is not.

    """
    if any(tensor.tied for tensor in study.tensors) is not target.tied:
        words = (
            f"is {str(target.tied).lower()} and the study's readout is not so: the rules of the two"
            " differ; tune a family with the target's choice"
        )
        raise IllegalConfiguration("tie_word_embeddings", words)
    found = matched(study, target)
    if not found.shape.tensors:
        words = "no tensor of the study's model is like any of this target's"
        raise IllegalConfiguration("", words)
    return found


def facts_of(target: DescribedTarget, match: Matched) -> TargetFacts:
    """The record that the answer carries."""
    return TargetFacts(
        source=target.source,
        heads=target.heads,
        kv_heads=target.kv_heads,
        head_size=target.head_size,
        feed_forward=target.feed_forward,
        vocabulary=target.vocabulary,
        tied=target.tied,
        unmapped=match.unmapped,
        unread=target.unread,
    )


def against(target: DescribedTarget, match: Matched) -> tuple[Reason, ...]:
    """Reasons against trusting the answer: what of the target the proxies were not like."""
    found = []
    if match.unmapped:
        words = (
            f"the study's model has nothing like {', '.join(match.unmapped)}: no number here is"
            " theirs; tune a family that has them"
        )
        found.append(Reason(topic="proxy", severity="abstain", words=words, excess=1.0))
    if target.unread:
        words = f"the proxies were trained without the target's {', '.join(target.unread)}"
        found.append(Reason(topic="proxy", severity="caution", words=words, excess=1.0))
    if target.kv_heads != target.heads and not match.grouped:
        words = (
            f"{target.heads // target.kv_heads} query heads share one key and value head, and in"
            " the proxies each has its own: transfer over that repetition is not measured here"
        )
        found.append(Reason(topic="proxy", severity="caution", words=words, excess=1.0))
    return tuple(found)
