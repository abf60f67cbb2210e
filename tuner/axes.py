"""The axes along which target and proxies can differ, and what a recommendation rests on there."""

import hashlib
from typing import Final, Literal

from parametrization.companions import PREFIX, RATIO
from parametrization.hyperparameters import RATE_MULTIPLIERS
from parametrization.rules import WIDTH_RULES, Optimizer, Parametrization
from tuner.cost import tokens_per_step
from tuner.records import Record
from tuner.study_spec import StudySpec
from tuner.transfer import MIN_WIDTHS, Prediction

Basis = Literal["theory", "measured", "empirical", "extrapolated", "not_transferable"]

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

    name: Literal["width", "depth", "batch", "tokens"]
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


class HyperparameterValue(Record):
    """One hyperparameter at the base width."""

    name: str
    value: float
    origin: Literal["fitted", "searched", "given"]
    """`fitted`: to many trials. `searched`: the best search trial's. `given`: by the study."""
    basis: Basis
    """What its transfer to the target's width rests on."""
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


def kept_axes(spec: StudySpec) -> tuple[Axis, ...]:
    """The axes that a study holds still: depth, batch and tokens of the target are the proxy's."""
    tokens = spec.training.steps * tokens_per_step(spec)
    depth_words = "equal at proxy and target: the answer is for this depth alone"
    batch_words = "equal at proxy and target: the best rate grows with the batch, by no rule here"
    token_words = (
        "equal at proxy and target: the best rate falls as training gets longer, by no rule here"
    )
    kept: tuple[tuple[Literal["depth", "batch", "tokens"], int, str], ...] = (
        ("depth", spec.family.depth, depth_words),
        ("batch", spec.training.batch_size, batch_words),
        ("tokens", tokens, token_words),
    )
    return tuple(
        Axis(
            name=name,
            proxy=value,
            target=value,
            basis="measured",
            rule="unchanged",
            version=RULE_VERSION,
            source="this study's trials",
            words=words,
        )
        for name, value, words in kept
    )


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
    spec: StudySpec, optimizer: Optimizer, hyperparameters: dict[str, float], width_basis: Basis
) -> tuple[HyperparameterValue, ...]:
    """Every hyperparameter at the base width and what its transfer rests on, the rate first."""
    config = next(config for config in spec.optimizers if config.name is optimizer)
    rate = HyperparameterValue(
        name="learning_rate",
        value=hyperparameters["learning_rate"],
        origin="fitted",
        basis=width_basis,
        words="fitted optimum, carried along the drift to the target's width",
    )
    others = (
        HyperparameterValue(
            name=name,
            value=value,
            origin="searched" if name in config.searched else "given",
            basis=_basis(name)[0],
            words=_basis(name)[1],
        )
        for name, value in hyperparameters.items()
        if name != "learning_rate"
    )
    return (rate, *others)
