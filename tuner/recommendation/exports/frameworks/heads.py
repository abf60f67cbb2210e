"""Attention heads of the target, where its description names them."""

from typing import NamedTuple

from parametrization.recommendation.document import RecommendationDocument
from tuner.spec.families.gpt import Gpt


class Heads(NamedTuple):
    """Heads of one attention layer.

    Attributes:
        size: entries of one head at the target.
        base_size: of one head of the proxies.

    """

    heads: int
    kv_heads: int
    size: int
    base_size: int


def heads_of(document: RecommendationDocument) -> Heads | None:
    """Heads of the built-in family gpt, and of a target described beside it; None otherwise."""
    family, described = document.family, document.described
    if not isinstance(family, Gpt):
        return None
    if described is not None:
        if not (described.heads and described.kv_heads and described.head_size):
            return None
        return Heads(described.heads, described.kv_heads, described.head_size, family.head_size)
    count = document.width // family.head_size
    kv_count = family.fixed_kv_heads or count // family.query_heads_per_kv_head
    return Heads(count, kv_count, family.head_size, family.head_size)
