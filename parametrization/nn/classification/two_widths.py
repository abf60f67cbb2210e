"""Find changes with width outside of the tensors, by comparing a base model with a wider one.

A factor on the logits that follows width is refused, for the readout's multiplier would be applied
on top of it; so is a cap on an embedding's rows that does not follow width. There is a warning of
attention that divides by the root of a growing head size, as scaling rules ask for the head size
itself, and of any other number that a module holds and that follows a power of width, as
1/sqrt(fan-in). 1/width is accepted: products of wide activations are divided by it.
"""

import math
import re
import warnings
from collections.abc import Iterator
from typing import Final

from torch import Tensor, nn

_OF_LOGITS: Final = re.compile(r"logits?_?(scal|mult)|lm_head_mult|output_mult|^mup_")
"""Names of a configuration's factors on logits."""
_SIZES: Final = re.compile(r"dim|size|width|feature|channel|max_norm|hidden|units|^d_|count")
_ATTENTION: Final = re.compile("att", re.IGNORECASE)
_CLOSE: Final = 1e-6
_CLOSE_POWER: Final = 1e-3


def refuse_unfit_growth(base: nn.Module, other: nn.Module, ratio: float) -> None:
    """Refuse, or warn of, numbers that do or do not follow width between two models.

    Args:
        ratio: width of the other model over that of the base.

    Raises:
        ValueError: naming the number that does or does not follow width, and the remedy.

    """
    for name, one, two in _factors_on_logits(base, other):
        raise ValueError(
            f"{name} is {one:g} in the base model and {two:g} in the delta model: the model scales"
            " its logits with width itself, and the readout's multiplier would do it again; build"
            f" every width with the same {name}, {one:g}"
        )
    for path, module, wider in _pairs(base, other):
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            _refuse_capped(path, module, wider, ratio)
        if grown := _head_sizes(module, wider):
            small, large = grown
            warnings.warn(
                f"{path or type(module).__name__} divides attention's logits by the root of the"
                f" head size, which grows with width ({small} to {large}): let width add heads of"
                f" one size, or scale q k by sqrt({small}) / head size",
                UserWarning,
                stacklevel=3,
            )
            return
    _warn_of_factors(base, other, ratio)


def _warn_of_factors(base: nn.Module, other: nn.Module, ratio: float) -> None:
    """Warn of numbers that modules hold, and that follow a power of width."""
    found = [
        f"{path + '.' if path else ''}{name} ({one:g}, then {two:g})"
        for path, module, wider in _pairs(base, other)
        for name, one, two in _numbers(module, wider)
        if _follows(one, two, ratio) and not _is_fit(path, module, name, two / one, ratio)
    ]
    if found:
        more = f" and {len(found) - 1} more like it" if len(found) > 1 else ""
        warnings.warn(
            f"{found[0]}{more} follows width, here {ratio:g} times the base's: if the model"
            " multiplies by it, the rules' rates, starts and multipliers are off by as much; keep"
            " it at its value in the base model",
            UserWarning,
            stacklevel=4,
        )


def _numbers(module: nn.Module, wider: nn.Module) -> Iterator[tuple[str, float, float]]:
    """Name and both values of each float that both modules hold, as attribute or buffer."""
    there = {**vars(wider), **dict(wider.named_buffers(recurse=False))}
    for name, value in {**vars(module), **dict(module.named_buffers(recurse=False))}.items():
        one, two = _number(value), _number(there.get(name))
        if one is not None and two is not None:
            yield name, one, two


def _number(value: object) -> float | None:
    if isinstance(value, Tensor) and value.numel() == 1 and not value.is_meta:
        return float(value)
    return value if isinstance(value, float) else None


def _follows(one: float, two: float, ratio: float) -> bool:
    if one * two <= 0 or one == two or not math.isfinite(one * two):
        return False
    power = 2 * math.log(two / one, ratio)
    return round(power) != 0 and abs(power - round(power)) < _CLOSE_POWER


def _is_fit(path: str, module: nn.Module, name: str, change: float, ratio: float) -> bool:
    """True for a size, a cap, or a divisor of products of wide activations: it may follow width."""
    attends = _ATTENTION.search(f"{path} {type(module).__name__}") is not None
    divides = abs(change * ratio - 1) < _CLOSE_POWER
    return _SIZES.search(name) is not None or divides or (attends and change < 1)


def _pairs(base: nn.Module, other: nn.Module) -> Iterator[tuple[str, nn.Module, nn.Module]]:
    wider = dict(other.named_modules())
    for path, module in base.named_modules():
        there = wider.get(path)
        if there is not None and type(module) is type(there):
            yield path, module, there


def _factors_on_logits(base: nn.Module, other: nn.Module) -> Iterator[tuple[str, float, float]]:
    for _, module, wider in _pairs(base, other):
        one, two = (vars(getattr(m, "config", None) or object) for m in (module, wider))
        for name, value in one.items():
            there = two.get(name)
            if (
                _OF_LOGITS.search(name)
                and isinstance(value, (int, float))
                and isinstance(there, (int, float))
                and value != there
            ):
                yield f"config.{name}", float(value), float(there)


def _refuse_capped(path: str, module: nn.Module, wider: nn.Module, ratio: float) -> None:
    one, two = getattr(module, "max_norm", None), getattr(wider, "max_norm", None)
    if one is None or two is None:
        return
    due = ratio ** (1 / float(getattr(module, "norm_type", 2.0)))
    if not math.isclose(two, due * one, rel_tol=0.01):
        raise ValueError(
            f"{path} cuts its rows to max_norm={one:g} at the base width and {two:g} at"
            f" {ratio:g} times that, so that entries shrink with width: leave max_norm out, or have"
            f" it follow width, {due * one:g} there"
        )


def _head_sizes(module: nn.Module, wider: nn.Module) -> tuple[int, int] | None:
    """Head sizes at both widths, where they differ and attention divides by their root."""
    small, large = (getattr(m, "head_dim", None) for m in (module, wider))
    if not isinstance(small, int) or not isinstance(large, int) or small == large:
        return None
    if type(module).forward is nn.MultiheadAttention.forward:
        return small, large
    factors = [getattr(m, "scaling", getattr(m, "scale", None)) for m in (module, wider)]
    by_root = (
        isinstance(factor, float) and abs(factor * math.sqrt(size) - 1) < _CLOSE
        for factor, size in zip(factors, (small, large), strict=True)
    )
    return (small, large) if all(by_root) else None
