"""The numbers that frameworks with a plain forward pass leave out."""

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
    """The residual multiplier and the attention scale, as far as the framework lacks them.

    Args:
        residual: True if the framework lacks the residual multiplier.

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
    """Losses of the training loop: a growing batch, clipping other than by norm, averages."""
    found = []
    if document.schedule.form.grows_batch:
        words = (
            f"the batch grows to {document.target.batch_size} examples during training: feed the"
            " sizes of the schedule's preview, which the rates belong to"
        )
        found.append(Inexpressible("batch size over training", words))
    if (value := document.gradient_clip_value) is not None:
        words = (
            f"the proxies clipped every entry of the gradient at {value:g}: before every update"
            f" call torch.nn.utils.clip_grad_value_(model.parameters(), {value!r}), and switch"
            " clipping by norm off"
        )
        found.append(Inexpressible("clipping by value", words))
    if (percentile := document.gradient_clip_percentile) is not None:
        words = (
            "the proxies clipped the gradient's global norm at the percentile"
            f" {percentile:g} of the norms of the 512 updates before: keep those norms in the"
            " training loop, and switch a fixed limit off"
        )
        found.append(Inexpressible("clipping at a percentile", words))
    if (average := document.weight_average) is not None:
        words = (
            "the proxies were evaluated with an exponential moving average of the weights: keep"
            f" {average.decay!r} of it at every update (torch.optim.swa_utils.AveragedModel with"
            " get_ema_multi_avg_fn), which is a memory of"
            f" {average.fraction:g} of training, and evaluate that"
        )
        found.append(Inexpressible("average of the weights", words))
    return tuple(found)


def _names(document: RecommendationDocument) -> tuple[str, ...]:
    return tuple(name for row in document.tensors for name in row.names)
