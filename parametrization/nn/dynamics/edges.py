"""Rates of every entry as an optimizer applies them, and the largest curvature it can stand.

Of optimizers of torch.optim whose edge of stability is known: SGD with heavy-ball momentum and Adam
(Cohen et al. 2021, arXiv:2103.00065, and 2022, arXiv:2207.14484): curvature times rate leaves a
quadratic beyond 2 (1 + momentum), and beyond 2 (1 + beta1) / (1 - beta1) where the momentum is an
average, as Adam's is. Adam's rate of an entry is over the root of its second moment.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor


class AppliedRates(NamedTuple):
    """Rates for `Curvature.edge`, and the optimizer's edge over plain gradient descent's."""

    rates: dict[int, float | Tensor]
    """By `id` of the parameter: one for all of its entries, or one for each."""
    stands: float
    """Largest stable curvature over that of plain gradient descent at the same rates."""


_Group = Mapping[str, Any]


def _sgd(group: _Group, _state: Mapping[str, Any]) -> float | Tensor | None:
    return float(group["lr"])


def _adam(group: _Group, state: Mapping[str, Any]) -> float | Tensor | None:
    if "exp_avg_sq" not in state:
        return None  # before the first update
    corrected = state["exp_avg_sq"] / (1 - group["betas"][1] ** float(state["step"]))
    rates: Tensor = group["lr"] / (corrected.sqrt() + group["eps"])
    return rates


def _heavy_ball(group: _Group) -> float:
    return 1 + float(group["momentum"])


def _average(group: _Group) -> float:
    beta = float(group["betas"][0])
    return (1 + beta) / (1 - beta)


_Rate = Callable[[_Group, Mapping[str, Any]], float | Tensor | None]
_KNOWN: Final[Mapping[type[torch.optim.Optimizer], tuple[_Rate, Callable[[_Group], float]]]] = {
    torch.optim.SGD: (_sgd, _heavy_ball),
    torch.optim.Adam: (_adam, _average),
    torch.optim.AdamW: (_adam, _average),
}


def applied_rates(optimizer: torch.optim.Optimizer) -> AppliedRates | None:
    """The rates that the optimizer's next update applies; None where its edge is not known.

    Args:
        optimizer: with the rates of now in its groups.

    """
    if type(optimizer) not in _KNOWN:
        return None
    rate, stands = _KNOWN[type(optimizer)]
    rates: dict[int, float | Tensor] = {}
    for group in optimizer.param_groups:
        if group.get("nesterov"):
            return None
        for parameter in group["params"]:
            found = rate(group, optimizer.state.get(parameter, {}))
            if found is None:
                return None
            rates[id(parameter)] = found
    return AppliedRates(rates, min(map(stands, optimizer.param_groups)))
