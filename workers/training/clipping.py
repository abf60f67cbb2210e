"""Clip gradients by value, by their global norm, or at a percentile of the norms seen before.

The percentile is AutoClip's (Seetharaman et al. 2020, arXiv:2007.14469), of the norms before this
update, the last `WINDOW` of them. Its first update is not clipped: nothing came before.

Shape suffix: K trials, W remembered norms.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

import torch
from torch import Tensor

from tuner.spec.study_fields import Training

WINDOW: Final = 512
"""Norms that are remembered."""
EPSILON: Final = 1e-6  # torch.nn.utils.clip_grad_norm_'s own


def no_norms(device: torch.device) -> Tensor:
    """The record of gradient norms before the first update, [W]: every place is empty."""
    return torch.full((WINDOW,), math.inf, dtype=torch.float64, device=device)


class Clipping:
    """Clipping of the gradients of these trials; writes the norms that it sees into `past`.

    Args:
        trainings: of the trials.
        steps: updates that each has done.
        past: what each remembers, [W]; None for those that clip at no percentile.
        like: a parameter, whose dtype and device the limits have.

    """

    def __init__(
        self,
        trainings: Sequence[Training],
        steps: Sequence[int],
        past: Sequence[Tensor | None],
        like: Tensor,
    ) -> None:
        def numbers(given: Iterable[float | None]) -> Tensor:
            filled = [math.inf if one is None else one for one in given]
            return torch.tensor(filled, dtype=like.dtype, device=like.device)

        self._norms_K = numbers(one.gradient_clip_norm for one in trainings)
        self._values_K = numbers(one.gradient_clip_value for one in trainings)
        self._by_value = any(one.gradient_clip_value is not None for one in trainings)
        self._remembering = [k for k, norms in enumerate(past) if norms is not None]
        self._past_W = [norms for norms in past if norms is not None]
        percentiles = [trainings[k].gradient_clip_percentile or 0.0 for k in self._remembering]
        self._places_K = torch.tensor(self._remembering, device=like.device)
        self._shares_K = torch.tensor(percentiles, dtype=torch.float64, device=like.device) / 100
        self._seen_K = torch.tensor([steps[k] for k in self._remembering], device=like.device)

    @property
    def limits_alone(self) -> Tensor | None:
        """On each trial's global norm, [K], where that is all that clips; else None."""
        return None if self._by_value or self._remembering else self._norms_K

    def clip(self, gradients: Sequence[Tensor], norms_K: Tensor) -> Tensor:
        """Clip in place; the share of each trial's norm that is left, [K].

        Args:
            gradients: [K, ...] of every tensor.
            norms_K: of all of them together.

        """
        limits_K = self._limits(norms_K)
        kept_K = (limits_K / (norms_K + EPSILON)).clamp(max=1.0)
        for gradient in gradients:
            gradient *= _along(kept_K, gradient)
        if self._by_value:
            for gradient in gradients:
                bound = _along(self._values_K, gradient)
                torch.clamp(gradient, -bound, bound, out=gradient)
            squares = [gradient.flatten(1).square().sum(1) for gradient in gradients]
            left_K = torch.stack(squares).sum(0).sqrt()
            kept_K = torch.where(norms_K > 0, left_K / norms_K, 1.0)
        return kept_K

    def _limits(self, norms_K: Tensor) -> Tensor:
        """On the global norm; infinite where there is none."""
        if not self._remembering:
            return self._norms_K
        past_KW = torch.stack(self._past_W)
        quantiles_K = self._quantiles(past_KW).to(self._norms_K.dtype)
        limits_K = self._norms_K.index_copy(0, self._places_K, quantiles_K)
        seen_K = norms_K.index_select(0, self._places_K).to(torch.float64)
        past_KW.scatter_(1, (self._seen_K % WINDOW).unsqueeze(1), seen_K.unsqueeze(1))
        for own, norms_W in zip(self._past_W, past_KW, strict=True):
            own.copy_(norms_W)
        self._seen_K += 1
        return limits_K

    def _quantiles(self, past_KW: Tensor) -> Tensor:
        """Between the two remembered norms that the percentile lies between, as numpy's."""
        ordered_KW = past_KW.sort(dim=1).values  # empty places last
        count_K = self._seen_K.clamp(max=WINDOW)
        place_K = self._shares_K * (count_K - 1).clamp(min=0)
        below_K, above_K = (
            ordered_KW.gather(1, end.long().unsqueeze(1)).squeeze(1)
            for end in (place_K.floor(), place_K.ceil())
        )
        between_K = torch.where(
            below_K == above_K, below_K, below_K + (above_K - below_K) * place_K.frac()
        )
        return torch.where(count_K == 0, math.inf, between_K)


def _along(numbers_K: Tensor, tensor: Tensor) -> Tensor:
    """One number for each trial's part of a tensor [K, ...]."""
    return numbers_K.view(-1, *[1] * (tensor.dim() - 1))
