"""The width of a target: its rule and evidence; and parts that all axes share."""

import math
from collections.abc import Iterable
from typing import NamedTuple, get_args

from parametrization.optimizers.rules_version import rules_version
from parametrization.recommendation.evidence import Prediction
from parametrization.recommendation.trust import Axis, Basis
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.scaling.growth import AxisName
from parametrization.scaling.hyperparameter_words import Setting
from parametrization.transfer.law import MIN_WIDTHS


class Move(NamedTuple):
    """The proxies' value of an axis, and the target's."""

    name: AxisName
    proxy: int
    target: int

    @property
    def ratio(self) -> float:
        """Target over proxy."""
        return self.target / self.proxy


def width_axis(
    setting: Setting,
    move: Move,
    prediction: Prediction | None,
    widths: tuple[int, ...],
    stated: str,
) -> Axis:
    """Evidence and rule of the transfer over width.

    Args:
        setting: of the study's model, for the optimizers that train a tensor.
        widths: those with a measured optimum, narrowest first.
        stated: note on the proxies; may be empty.

    """
    basis, words = _width_basis(prediction, widths, move.target)
    trained_by = ", ".join(dict.fromkeys(name for name, _ in setting.reached("learning_rate")))
    return Axis(
        name=move.name,
        proxy=move.proxy,
        target=move.target,
        basis=basis,
        rule=f"{Parametrization.MUP}, {trained_by}: per-role exponents of width",
        version=rules_version(setting.policies),
        source=setting.explained("learning_rate", ("width",)).source,
        words="; ".join(filter(None, (words, stated))),
        beyond=1.0 if prediction is None else 2**prediction.doublings_beyond,
    )


def _width_basis(
    prediction: Prediction | None, widths: tuple[int, ...], width: int
) -> tuple[Basis, str]:
    if width in widths:
        return "measured", "the target's own width was measured"
    if prediction is None or len(widths) < MIN_WIDTHS:
        return "theory", (
            f"the rule alone: its drift is not measured, for that takes {MIN_WIDTHS} widths"
            f" and {len(widths)} have a measured optimum"
        )
    if prediction.doublings_beyond == 0:
        return "measured", f"between the measured widths {widths[0]} and {widths[-1]}"
    return "extrapolated", (
        f"{2**prediction.doublings_beyond:.3g}x beyond the measured widths {widths[0]} to"
        f" {widths[-1]}, by their drift, which vanishes with width"
    )


def kept_axis(move: Move, words: str, policies: Policies) -> Axis:
    """An axis along which target and proxies are equal."""
    return Axis(
        name=move.name,
        proxy=move.proxy,
        target=move.target,
        basis="measured",
        rule="unchanged",
        version=rules_version(policies),
        source="this study's trials",
        words=f"equal at proxy and target: {words}",
        beyond=1.0,
    )


def times(factor: float) -> str:
    """A factor in words.

    >>> times(0.25)
    '/ 4'
    """
    if math.isclose(factor, 1):
        return "unchanged"
    return f"x {factor:.3g}" if factor > 1 else f"/ {1 / factor:.3g}"


def weakest(bases: Iterable[Basis]) -> Basis:
    """The least sure of them.

    >>> weakest(["empirical", "measured"])
    'empirical'
    """
    return max(bases, key=get_args(Basis).index)
