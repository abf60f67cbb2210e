"""Every hyperparameter of a recommendation, with its origin and the basis of its transfer."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from parametrization.optimizers.hyperparameters import RATE_MULTIPLIERS
from parametrization.optimizers.registry import declared
from parametrization.optimizers.rules_version import rules_version
from parametrization.recommendation.evidence import Prediction
from parametrization.recommendation.trust import (
    Axis,
    Basis,
    HyperparameterValue,
    Origin,
    TrainingValue,
)
from parametrization.rules.not_per_tensor import REGULARISERS
from parametrization.scaling.companions import PREFIX, RATIO
from parametrization.scaling.growth import AxisName
from parametrization.scaling.hyperparameter_words import Explanation, Setting
from tuner.evidence.further import FurtherVerdict
from tuner.recommendation.axes.width import (
    weakest,
)
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.study_fields import Training

_FACTORS: Final = {
    "init_std": "factor on every random tensor's initial standard deviation",
    "output_multiplier": "factor on the readout's forward multiplier",
}
_EVERETT: Final = "Everett et al. 2024, arXiv:2407.05872"
_DATA: Final = "the best strength of a regulariser also depends on the data and the duration"


class SearchOutcome(NamedTuple):
    """The trials and the search that the numbers come from.

    Attributes:
        widths: with a measured optimum, narrowest first.
        finished: search trials with a result.
        further: verdict on the values searched beside the rate; None before they are confirmed.
        swept: axes along which the rate follows measurements.
        training: names of searched fields of training.

    """

    config: OptimizerConfig
    prediction: Prediction | None
    widths: tuple[int, ...]
    finished: int
    further: FurtherVerdict | None = None
    swept: tuple[AxisName, ...] = ()
    training: tuple[str, ...] = ()


def hyperparameter_values(
    setting: Setting,
    search: SearchOutcome,
    axes: Iterable[Axis],
    of_rate: Iterable[Axis] | None = None,
) -> tuple[HyperparameterValue, ...]:
    """Every hyperparameter at the base with the basis of its transfer, the rate first.

    Args:
        axes: all four, as the rules carry everything.
        of_rate: all four, as they carry the rate; None: as the rules do.

    """
    rules = tuple(axes)
    measured = rules if of_rate is None else tuple(of_rate)
    names = sorted(setting.hyperparameters, key=lambda name: name != "learning_rate")
    return tuple(
        _value(setting, search, measured if name == "learning_rate" else rules, name)
        for name in names
    )


def training_values(search: SearchOutcome, training: Training) -> tuple[TrainingValue, ...]:
    """Every searched field of training with its origin.

    Args:
        training: that is recommended.

    """
    origin, words = _further(search, _best(search))
    return tuple(
        TrainingValue(name=name, value=training.value_of(name), origin=origin, words=words)
        for name in search.training
    )


def _value(
    setting: Setting, search: SearchOutcome, axes: tuple[Axis, ...], name: str
) -> HyperparameterValue:
    origin, found = _found(search, name)
    own: Basis = "measured" if name == "learning_rate" else "theory"
    if name.removeprefix(PREFIX) == "weight_decay":
        own = "not_transferable"
    explained = _explained(setting, name)
    along = [axis for axis in axes if _rests_on(name, explained, axis)]
    return HyperparameterValue(
        name=name,
        value=setting.hyperparameters[name],
        origin=origin,
        basis=weakest((own, *(axis.basis for axis in along))),
        words="; ".join(filter(None, (found, explained.words))),
        source=explained.source,
        version=rules_version(setting.policies),
    )


def _rests_on(name: str, explained: Explanation, axis: Axis) -> bool:
    """True if the number is only as reliable as the evidence for the axis."""
    if name == "learning_rate":
        return axis.name == "width" or axis.moves
    return axis.name in explained.moves


def _found(search: SearchOutcome, name: str) -> tuple[Origin, str]:
    best = _best(search)
    if name != "learning_rate":
        return _further(search, best) if name in search.config.searched else ("given", "")
    swept = f", and along {' and '.join(search.swept)} as measured" if search.swept else ""
    origin, words = _fitted(search, best)
    return origin, f"{words}{swept}"


def _best(search: SearchOutcome) -> str:
    return f"best of {search.finished} trial{'s' if search.finished != 1 else ''}"


def _fitted(search: SearchOutcome, best: str) -> tuple[Origin, str]:
    prediction, widths = search.prediction, search.widths
    if prediction is None:
        return "searched", f"{best}: no optimum is fitted yet"
    if prediction.width in widths:
        return "fitted", "optimum fitted at the target's own width"
    if len(widths) == 1:
        return "fitted", f"optimum fitted at width {widths[0]} alone, without its drift"
    listed = ", ".join(map(str, widths))
    return "fitted", f"optimum fitted at widths {listed}, carried along its drift to the target's"


def _further(search: SearchOutcome, best: str) -> tuple[Origin, str]:
    """Values that were searched beside the learning rate."""
    if search.further is None:
        return "searched", f"{best}; not confirmed with fresh seeds"
    gains = " and ".join(
        "one of the two diverged" if at.percent is None else f"{at.percent:+.2g} %"
        for at in search.further.gains
    )
    widths = " and ".join(str(at.width) for at in search.further.gains)
    if search.further.survives:
        return "searched", f"{best}; with fresh seeds better by {gains} at widths {widths}"
    return "given", f"kept at default: no gain that transfers ({gains} at widths {widths})"


def _explained(setting: Setting, name: str) -> Explanation:
    if name in RATE_MULTIPLIERS:
        return Explanation(
            "factor on the rate of one class of tensors, the same for every target: exponents"
            " transfer, constants are tuned class by class",
            _EVERETT,
        )
    if name == RATIO:
        return _explained_ratio(setting)
    explained = setting.explained(name, ("width", "depth", "batch", "tokens"))
    if name in _FACTORS:
        words = f"{_FACTORS[name]}, the same for every target: {explained.words}"
        return Explanation(words, explained.source)
    if name.removeprefix(PREFIX) == "weight_decay":
        source = f"{explained.source}; {REGULARISERS.evidence.source}"
        return explained._replace(words=f"{explained.words}; {_DATA}", source=source)
    return explained


def _explained_ratio(setting: Setting) -> Explanation:
    reached = setting.reached("learning_rate")
    others = (declared(name).spoken for name, _ in reached if name != setting.lead)
    over = f"{' and '.join(dict.fromkeys(others))} over that of {declared(setting.lead).spoken}"
    rates = setting.explained("learning_rate", ("width",))
    words = f"rate of {over} at the base, from where each follows its own rule"
    return Explanation(words, rates.source)
