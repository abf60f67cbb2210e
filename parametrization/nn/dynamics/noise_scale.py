"""The gradient's noise scale: the batch from which on a larger one saves little.

Source: McCandlish et al. 2018, arXiv:1812.06162, appendix A.1: from the squared norms of gradients
of two batch sizes, both parts of its ratio without bias.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torch import Tensor


class NoiseScale(NamedTuple):
    """Square of the true gradient, and variance of one example's, from parts of one batch."""

    gradient_square: float
    """|G|^2 of the true gradient; may come out negative where the noise is far larger."""
    noise_trace: float
    """Trace of the covariance of one example's gradient."""

    @property
    def batch(self) -> float | None:
        """Examples at which noise and gradient weigh the same; None where no gradient is seen."""
        if self.gradient_square <= 0:
            return None
        return self.noise_trace / self.gradient_square


def noise_scale(gradients: Iterable[Tensor], examples: int) -> NoiseScale:
    """The noise scale from gradients of equal parts of one batch.

    Args:
        gradients: of the mean loss of each part, over all parameters; two or more, of which one is
            held at a time.
        examples: in each part.

    Raises:
        ValueError: if there are fewer than two parts.

    """
    count, squares = 0, 0.0
    total: Tensor | None = None
    for gradient in gradients:
        part = gradient.double()
        count, squares = count + 1, squares + part.square().sum().item()
        total = part if total is None else total + part
    if count < 2 or total is None:
        raise ValueError(f"give the gradients of at least 2 parts, got {count}")
    small, large = examples, examples * count
    of_parts, of_all = squares / count, (total / count).square().sum().item()
    return NoiseScale(
        gradient_square=(large * of_all - small * of_parts) / (large - small),
        noise_trace=(of_parts - of_all) / (1 / small - 1 / large),
    )


def pooled(scales: Sequence[NoiseScale]) -> NoiseScale:
    """The noise scale of several batches: both parts are averaged before their ratio is taken."""
    return NoiseScale(
        *(sum(values) / len(scales) for values in zip(*scales, strict=True)),
    )
