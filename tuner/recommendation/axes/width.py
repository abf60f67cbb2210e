"""The axes along which target and proxies can differ, and what a recommendation rests on there."""

import hashlib
import math
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, get_args

from parametrization.optimizers.hyperparameters import RATE_MULTIPLIERS
from parametrization.rules.horizon import HORIZON_ROWS, Powers
from parametrization.rules.lookup import WIDTH_RULES, Optimizer, Parametrization
from parametrization.scaling.companions import COMPANION, PREFIX, RATIO
from tuner.evidence.drift import MIN_WIDTHS, Prediction
from tuner.spec.optimizers import OptimizerConfig
from tuner.spec.record import Record
from tuner.spec.study import StudySpec

Basis = Literal["measured", "theory", "empirical", "extrapolated", "not_transferable"]
"""What a transfer rests on, the surest first."""
AxisName = Literal["width", "depth", "batch", "tokens"]

RULE_VERSION: Final = (
    "width-rules-"
    + hashlib.sha256(
        repr(sorted((*map(str, key), *row) for key, row in WIDTH_RULES.items())).encode()
    ).hexdigest()[:12]
)
"""Changes if and only if a number of the width rules does."""

_SOURCE: Final = "Yang et al. 2022, arXiv:2203.03466"
_TABLE: Final = f"{_SOURCE}, Table 8"


class Axis(Record):
    """One axis between the proxies and the target."""

    name: AxisName
    proxy: int
    """The proxy's value."""
    target: int
    """The target's value."""
    basis: Basis
    """What the transfer along it rests on."""
    rule: str
    version: str
    source: str
    words: str
    beyond: float
    """How far the target lies outside of what was measured or tested, as a ratio; 1 within."""

    @property
    def moves(self) -> bool:
        """Whether the target is not the proxies'."""
        return self.proxy != self.target


class Move(NamedTuple):
    """From the proxies' value of an axis to the target's."""

    name: AxisName
    proxy: int
    target: int

    @property
    def ratio(self) -> float:
        """Target over proxy."""
        return self.target / self.proxy


class HyperparameterValue(Record):
    """One hyperparameter at the base: the base width, and the proxies' depth, batch and tokens."""

    name: str
    value: float
    origin: Literal["fitted", "searched", "given"]
    """`fitted`: to many trials. `searched`: the best search trial's. `given`: by the study."""
    basis: Basis
    """What its transfer to the target rests on."""
    words: str


def width_axis(
    spec: StudySpec,
    optimizer: Optimizer,
    prediction: Prediction | None,
    widths: tuple[int, ...],
    width: int,
) -> Axis:
    """What the transfer over width rests on.

    Args:
        widths: those with a measured optimum, narrowest first.

    """
    basis, words = _width_basis(prediction, widths, width)
    return Axis(
        name="width",
        proxy=spec.proxy_width,
        target=width,
        basis=basis,
        rule=f"{Parametrization.MUP}, {optimizer}: per-role exponents of width",
        version=RULE_VERSION,
        source=_TABLE,
        words=words,
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
        f" {widths[-1]}, along their drift"
    )


def kept_axis(move: Move, words: str) -> Axis:
    """An axis along which the target is what the proxies are."""
    return Axis(
        name=move.name,
        proxy=move.proxy,
        target=move.target,
        basis="measured",
        rule="unchanged",
        version=RULE_VERSION,
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


_WORDS: Final[dict[str, tuple[Basis, str]]] = {
    "beta1": ("theory", f"constant in width ({_SOURCE}, App. B.3)"),
    "beta2": ("theory", f"constant in width ({_SOURCE}, App. B.3)"),
    "momentum": ("theory", f"constant in width ({_SOURCE}, App. B.3)"),
    "epsilon": ("theory", f"shrinks like the gradient, 1/width ({_SOURCE}, App. B.3)"),
    "init_std": ("theory", f"factor on every random tensor, constant in width ({_TABLE})"),
    "output_multiplier": ("theory", f"factor on the readout, constant in width ({_TABLE})"),
    "weight_decay": (
        "not_transferable",
        "rate x decay is kept constant in width, but the best strength of a regulariser also"
        f" depends on the data and the duration ({_SOURCE}, App. E.1)",
    ),
}


_RATE_MULTIPLIER: Final = (
    "factor on the rate of one class of tensors, constant in width: exponents transfer, constants"
    " are tuned class by class (Everett et al. 2024, arXiv:2407.05872)"
)
_ROWS: Final = "scaled, or kept, as the optimizer's rows in docs/rules.md say"


def _basis(name: str) -> tuple[Basis, str]:
    """What the transfer of one hyperparameter rests on."""
    if name == RATIO:
        return "theory", "constant in width: lead and companion each follow their own rule"
    if name in RATE_MULTIPLIERS:
        return "theory", _RATE_MULTIPLIER
    return _WORDS.get(name.removeprefix(PREFIX), ("theory", _ROWS))


def hyperparameter_values(
    spec: StudySpec,
    optimizer: Optimizer,
    hyperparameters: dict[str, float],
    axes: Iterable[Axis],
) -> tuple[HyperparameterValue, ...]:
    """Every hyperparameter at the base and what its transfer rests on, the rate first.

    Args:
        axes: all four.

    """
    config = next(config for config in spec.optimizers if config.name is optimizer)
    moved = [axis for axis in axes if axis.name == "width" or axis.moves]
    values = []
    for name, value in hyperparameters.items():
        basis, words = _basis(name)
        along = [axis for axis in moved if _follows(spec, optimizer, name, axis)]
        if name == "learning_rate":
            basis, words = (
                "measured",
                "fitted optimum, carried along the drift to the target's width",
            )
        others = " and ".join(axis.name for axis in along if axis.name != "width")
        values.append(
            HyperparameterValue(
                name=name,
                value=value,
                origin=_origin(config, name),
                basis=weakest((basis, *(axis.basis for axis in along))),
                words=f"{words}; then by rule over {others}" if others else words,
            )
        )
    return tuple(sorted(values, key=lambda one: one.name != "learning_rate"))


def _origin(config: OptimizerConfig, name: str) -> Literal["fitted", "searched", "given"]:
    if name == "learning_rate":
        return "fitted"
    return "searched" if name in config.searched else "given"


def _follows(spec: StudySpec, optimizer: Optimizer, name: str, axis: Axis) -> bool:
    """Whether a rule over this axis moves the hyperparameter, or would if there were one."""
    if name == "learning_rate":
        return True
    if axis.name == "width" or axis.basis == "not_transferable":
        return False
    bare = name.removeprefix(PREFIX)
    if axis.name == "depth":
        return bare == "epsilon"
    trained_by = optimizer if bare == name else COMPANION
    row = HORIZON_ROWS[spec.policies.horizon_rule][trained_by]
    touched = {"weight_decay": row.weight_decay, "epsilon": row.epsilon}
    return bare in row.remembers or touched.get(bare, Powers()) != Powers()
