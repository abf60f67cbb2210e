"""Say what frameworks with a plain forward pass leave out."""

from typing import Final

from parametrization.recommendation.document import RecommendationDocument
from tuner.recommendation.exports.protocol.export import Inexpressible

ATTENTION: Final = Inexpressible(
    "attention scale",
    "attention has to scale its logits as the proxies do: keep their head size, or multiply"
    " queries by sqrt(head size of the proxies / head size)",
)


def lost_in_the_forward_pass(
    framework: str, document: RecommendationDocument, *, residual: bool = True
) -> tuple[Inexpressible, ...]:
    """Multipliers of residual branches and what attention divides by.

    Args:
        residual: whether the framework lacks the residual multiplier.

    """
    found = [ATTENTION] if any("attn" in n or "attention" in n for n in _names(document)) else []
    if residual and document.residual_multiplier != 1:
        found.append(
            Inexpressible(
                "residual multiplier",
                f"{framework} adds branches as they are: change its blocks to compute"
                f" x + {document.residual_multiplier:g} * f(x), or the rates do not fit this depth",
            )
        )
    return tuple(found)


def lost_in_the_loop(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    """A batch that grows, which is the training loop's to feed."""
    if not document.schedule.form.grows_batch:
        return ()
    words = (
        f"the batch grows to {document.target.batch_size} examples during training: feed the sizes"
        " of the schedule's preview, which the rates belong to"
    )
    return (Inexpressible("batch size over training", words),)


def _names(document: RecommendationDocument) -> tuple[str, ...]:
    return tuple(name for row in document.tensors for name in row.names)
