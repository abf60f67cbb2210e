"""A study's tuned numbers, carried to a target along width, depth, batch and tokens."""

from typing import NamedTuple

from parametrization.recommendation.evidence import Prediction, TransferEvidence
from parametrization.recommendation.target import WholeTarget
from parametrization.recommendation.trust import Axis
from parametrization.recommendation.values import LearningRate
from parametrization.rules.depth import residual_multiplier
from parametrization.scaling.hyperparameter_words import Setting
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.roles import ModelShape
from parametrization.transfer.prediction import predict
from parametrization.transfer.reasons import measured_widths
from tuner.evidence.study_evidence import OptimizerEvidence, SearchWinner
from tuner.recommendation.axes.beside_width import BesideWidth, beside_width
from tuner.recommendation.axes.proxies import below_the_floor
from tuner.recommendation.axes.target_axes import target_axes
from tuner.recommendation.axes.width import Move, width_axis
from tuner.recommendation.learning_rate import learning_rate
from tuner.spec.study import StudySpec


class Tuned(NamedTuple):
    """One optimizer's measurements, as far as an answer needs them."""

    own: OptimizerEvidence
    winner: SearchWinner
    evidence: TransferEvidence
    shape: ModelShape
    """Of the study's model."""


class Transferred(NamedTuple):
    """The numbers of one optimizer at the base, and their way to the target."""

    setting: Setting
    """The tuned hyperparameters at the base, the learning rate predicted for the target's width."""
    rate: LearningRate
    prediction: Prediction | None
    widths: tuple[int, ...]
    """With a measured optimum, narrowest first."""
    width: Axis
    beside: BesideWidth
    by_rules: tuple[Axis, ...]
    """Depth, batch and tokens as the rules carry every number but the rate."""

    @property
    def mults(self) -> Multipliers:
        """Target over base, by axis."""
        return self.setting.mults

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All axes of the rate, width first."""
        return (self.width, *self.beside.axes)

    @property
    def drift_octaves(self) -> float | None:
        """Octaves from the nearest measured optimum; None before any optimum is measured."""
        return None if self.prediction is None else self.prediction.drift_octaves

    @property
    def residual_multiplier(self) -> float:
        """Multiplier of the target's residual branches."""
        policies = self.setting.policies
        return residual_multiplier(policies.depth_rule, policies.alpha, self.mults.depth)


def transferred(spec: StudySpec, tuned: Tuned, target: WholeTarget) -> Transferred:
    """Carry the optimizer's tuned numbers to the target."""
    optimizer, best = tuned.own.optimizer, tuned.winner.hyperparameters
    prediction = predict(tuned.evidence.optima, target.width)
    by_rules = target_axes(spec, target, optimizer, tuned.shape, best)
    beside = beside_width(spec.policies, optimizer, by_rules, target, tuned.own.axes)
    rate = learning_rate(
        spec,
        tuned.evidence,
        prediction,
        best,
        alone=_as_the_proxies(spec, target),
        moved=beside.moved,
    )
    setting = Setting(
        tuned.shape,
        optimizer,
        best | {"learning_rate": rate.value},
        spec.policies,
        by_rules.multipliers,
    )
    widths = measured_widths(tuned.evidence.optima)
    is_measured = target.width in widths and not any(axis.moves for axis in beside.axes)
    over_width = width_axis(
        setting,
        Move("width", spec.proxy_width, target.width),
        prediction,
        widths,
        "" if is_measured else below_the_floor(spec, widths),
    )
    return Transferred(setting, rate, prediction, widths, over_width, beside, by_rules.axes)


def _as_the_proxies(spec: StudySpec, target: WholeTarget) -> bool:
    """True if the target differs from the proxies in its width alone."""
    proxies = spec.proxies
    return (target.depth, target.batch_size, target.tokens) == (
        proxies.depth,
        proxies.batch_size,
        proxies.tokens,
    )
