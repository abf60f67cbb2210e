"""The verdict on a recommendation, with every reason against it."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from parametrization.check.verdict import CheckVerdict
from parametrization.recommendation.dynamics import DynamicsFindings
from parametrization.recommendation.evidence import NoiseFloor, Prediction, TransferEvidence
from parametrization.recommendation.target import WholeTarget
from parametrization.recommendation.trust import Axis, Reason, Verdict
from parametrization.text.rounding import percent, significant
from parametrization.transfer.reasons import (
    REACH,
    measured_widths,
    reasons_against_transfer,
    too_short,
)
from parametrization.transfer.summary import Transfer
from tuner.spec.states import FINAL_STUDY_STATES, StudyState
from tuner.spec.study import StudySpec

BEYOND: Final = {"depth": 4.0, "batch": 8.0, "tokens": 8.0}
"""Factor beyond what a rule of the axis was tested for before it abstains. Less for depth: rules
of depth were tested on fewer models than the others."""
NOISE_PERCENT: Final = 0.5
"""Spread of a trial that is trained twice before caution: a quarter of the regret that matters."""


class Findings(NamedTuple):
    """Everything that a verdict depends on."""

    spec: StudySpec
    state: StudyState
    target: WholeTarget
    evidence: TransferEvidence
    prediction: Prediction | None
    predicted_regret_percent: float | None
    check: CheckVerdict | None
    axes: tuple[Axis, ...] = ()
    """Those beside width."""
    noise: NoiseFloor | None = None
    """Of a trainer of the user's own."""
    dynamics: DynamicsFindings | None = None
    """None where the study did not ask for them."""

    @property
    def width(self) -> int:
        """The target's."""
        return self.target.width

    @property
    def transfer(self) -> Transfer:
        """Evidence for the learning rate at the target's width."""
        return Transfer(
            self.evidence.optima,
            self.evidence.drift,
            self.evidence.proxy_width,
            self.width,
            self.prediction,
            self.predicted_regret_percent,
        )

    @property
    def moved(self) -> tuple[Axis, ...]:
        """Axes beside width along which the target is not what the proxies are."""
        return tuple(axis for axis in self.axes if axis.moves)


def verdict_on(reasons: tuple[Reason, ...], state: StudyState) -> Verdict:
    """`abstain` if a reason says so, `caution` if there is any other, once the study has ended."""
    if state not in FINAL_STUDY_STATES:
        return "in_progress"
    severities = {reason.severity for reason in reasons}
    if "abstain" in severities:
        return "abstain"
    return "caution" if severities else "recommend"


def reasons_against(found: Findings) -> tuple[Reason, ...]:
    """Every reason against trust, the weakest axis first."""
    reasons = [
        *reasons_against_transfer(found.transfer),
        *_of_check(found.check, is_external=found.spec.family.is_external),
        *_of_noise(found.noise),
        *_of_proxy(found),
        *_of_other_axes(found),
        *_of_duration(found.target),
        *_of_stability(found.dynamics),
    ]
    if found.state is not StudyState.COMPLETED:
        rest = "not every trial ran" if found.state in FINAL_STUDY_STATES else "it may still move"
        words = f"the answer is provisional: the study is {found.state}, {rest}"
        reasons.append(Reason(topic="state", severity="caution", words=words, excess=1.0))
    return tuple(sorted(reasons, key=lambda reason: (reason.severity != "abstain", -reason.excess)))


def _of_noise(noise: NoiseFloor | None) -> Iterator[Reason]:
    """A trainer whose trials of one seed differ compares them by chance."""
    if noise is None:
        return
    contract = "the same seed has to give the same initial tensors and the same batches"
    if noise.spread_percent is None:
        words = f"trial {noise.trial}, trained twice with one seed, diverged once: {contract}"
        yield Reason(topic="noise", severity="caution", words=words, excess=10.0)
    elif noise.spread_percent > NOISE_PERCENT:
        words = (
            f"trial {noise.trial}, trained twice with one seed, came to losses"
            f" {percent(noise.spread_percent)} apart (limit {NOISE_PERCENT:g} %): {contract}"
        )
        excess = noise.spread_percent / NOISE_PERCENT
        yield Reason(topic="noise", severity="caution", words=words, excess=excess)


def _of_stability(dynamics: DynamicsFindings | None) -> Iterator[Reason]:
    """A rate at the edge of stability, without a margin for a target that is a little sharper."""
    if dynamics is None or dynamics.edge is None or dynamics.edge < 1:
        return
    words = (
        f"the proxy of width {dynamics.edge_width} trained at the edge of stability (curvature"
        f" times rate was {significant(dynamics.edge, 2)} times the most that is stable with the"
        " optimizer, in the median after the first quarter of training): watch the target's loss"
        " for spikes, and lower the rate or clip gradients if it has any"
    )
    yield Reason(topic="stability", severity="caution", words=words, excess=dynamics.edge)


def _of_check(check: CheckVerdict | None, *, is_external: bool) -> Iterator[Reason]:
    if check is None:
        words = "the coordinate check has not run"
        if is_external:
            words = (
                "the coordinate check was skipped: no statistics were posted of the trainer's own"
                " model, so that it is not known whether the rules fit it"
            )
        yield Reason(topic="check", severity="caution", words=words, excess=1.0)
    elif check.passed is False:
        words = f"the coordinate check failed: {check.summary}"
        yield Reason(topic="check", severity="abstain", words=words, excess=5.0)
    elif check.passed is None:
        words = f"the coordinate check is inconclusive: {check.summary}"
        yield Reason(topic="check", severity="caution", words=words, excess=1.5)


def _of_proxy(found: Findings) -> Iterator[Reason]:
    """Proxies that train too briefly, unless the target itself was measured."""
    if found.moved or found.width not in measured_widths(found.evidence.optima):
        yield from too_short(found.spec.training.steps)


def leaves_the_tested_range(axis: Axis) -> bool:
    """True if no rule carries an axis so far that its answer is trusted."""
    return axis.basis == "not_transferable" or axis.beyond > BEYOND[axis.name]


def _of_other_axes(found: Findings) -> Iterator[Reason]:
    """Depth, batch and tokens that follow a rule alone, or lie far beyond the measured range."""
    for axis in found.moved:
        abstains = leaves_the_tested_range(axis)
        if axis.basis == "measured":
            if axis.beyond <= REACH:
                continue
            abstains = axis.beyond > REACH**2
        yield Reason(
            topic=axis.name,
            severity="abstain" if abstains else "caution",
            words=f"{axis.name} {axis.proxy:,} in the proxies, {axis.target:,} in the target"
            f" ({axis.rule}, {axis.basis.replace('_', ' ')}): {axis.words}",
            excess=max(1.0, axis.beyond),
        )


def _of_duration(target: WholeTarget) -> Iterator[Reason]:
    """A duration that was not given: long runs need smaller rates than the proxies' short ones."""
    if not target.tokens_given:
        yield Reason(
            topic="tokens",
            severity="caution",
            words="the target's tokens were not given: the numbers are for a run as short as the"
            f" proxies', {target.tokens:,} tokens in {target.steps:,} steps; ask with the target's"
            " tokens",
            excess=1.0,
        )
