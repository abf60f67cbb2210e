"""Judge whether a recommendation can be trusted, with every reason why not."""

import math
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from parametrization.check.verdict import CheckVerdict
from parametrization.recommendation.evidence import Regret, TransferEvidence
from parametrization.recommendation.target import WholeTarget
from parametrization.recommendation.trust import Axis, Reason, Verdict
from parametrization.text.rounding import percent
from tuner.evidence.drift import MIN_WIDTHS, Prediction
from tuner.spec.states import FINAL_STUDY_STATES, StudyState
from tuner.spec.study import StudySpec

REGRET_PERCENT: Final = 2.0
"""Loss that a transferred rate may cost before caution; four times that, abstain."""
DRIFT_OCTAVES: Final = 0.5
"""Drift between the measured widths and the target before caution; three times that, abstain."""
REACH: Final = 8.0
"""Factor beyond the measured widths before caution; 64, abstain."""
WIDER_IS_BETTER_SHARE: Final = 0.9
"""muP was measured at 0.98 and more, the standard parametrization at 0.73."""
BEYOND: Final = 8.0
"""Factor beyond what a rule of depth, batch or tokens was tested for before it abstains."""
FLOOR: Final = {"width": 256, "depth": 4, "batch_size": 32, "context": 128, "steps": 5000}
"""Proxies below it may not show the target's optimum. Source: arXiv:2203.03466, App. D."""


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

    @property
    def width(self) -> int:
        """The target's."""
        return self.target.width

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
        *_of_optima(found),
        *_of_regret(found),
        *_of_drift(found),
        *_of_check(found.check),
        *_of_wider(found),
        *_of_proxy(found),
        *_of_reach(found),
        *_of_other_axes(found),
        *_of_duration(found.target),
    ]
    if found.state is not StudyState.COMPLETED:
        rest = "not every trial ran" if found.state in FINAL_STUDY_STATES else "it may still move"
        words = f"the answer is provisional: the study is {found.state}, {rest}"
        reasons.append(Reason(topic="state", severity="caution", words=words, excess=1.0))
    return tuple(sorted(reasons, key=lambda reason: (reason.severity != "abstain", -reason.excess)))


def measured_widths(evidence: TransferEvidence) -> tuple[int, ...]:
    """Widths whose optimum is measured, narrowest first."""
    return tuple(at.width for at in evidence.optima if at.optimum.status == "measured")


def _of_optima(found: Findings) -> Iterator[Reason]:
    measured = measured_widths(found.evidence)
    decisive = {
        found.evidence.proxy_width,
        max((at.width for at in found.evidence.optima), default=0),
    }
    for at in found.evidence.optima:
        if at.optimum.status != "inconclusive":
            continue
        side = "flat" if at.optimum.edge is None else f"still falling at the {at.optimum.edge} end"
        yield Reason(
            topic="optimum",
            severity="abstain" if at.width in decisive else "caution",
            words=f"width {at.width}: the loss is {side} of the learning rates tried,"
            " so its optimum is not known",
            excess=2.0,
        )
    if not measured:
        words = "no width has enough trials for its optimum to be fitted"
        yield Reason(topic="optimum", severity="abstain", words=words, excess=2.0)
    elif len(measured) < MIN_WIDTHS and found.width not in measured:
        yield Reason(
            topic="widths",
            severity="caution",
            words=f"widths with a measured optimum: {len(measured)}; the drift needs {MIN_WIDTHS}",
            excess=MIN_WIDTHS / len(measured),
        )


def _of_regret(found: Findings) -> Iterator[Reason]:
    if found.predicted_regret_percent is not None:
        yield from _beyond(
            "regret",
            found.predicted_regret_percent / REGRET_PERCENT,
            abstain_at=4.0,
            words="the uncertainty of the learning rate is expected to cost"
            f" {percent(found.predicted_regret_percent)} of loss (limit {REGRET_PERCENT:g} %)",
        )
    if found.evidence.leave_widest_out is not None:
        yield from _of_left_out(found.evidence.leave_widest_out)


def _of_left_out(regret: Regret) -> Iterator[Reason]:
    tried = f"predicted from the narrower widths, the rate at width {regret.at_width}"
    if regret.regret_percent is None:
        words = f"{tried} diverges"
        yield Reason(topic="regret", severity="abstain", words=words, excess=10.0)
        return
    least = "at least " if regret.at_least else ""
    yield from _beyond(
        "regret",
        regret.regret_percent / REGRET_PERCENT,
        abstain_at=4.0,
        words=f"{tried} costs {least}{percent(regret.regret_percent)} of loss"
        f" (limit {REGRET_PERCENT:g} %)",
    )


def extrapolated_drift_octaves(found: Findings) -> float | None:
    """Drift from the nearest measured width to the target; None until the drift is measured."""
    if found.prediction is None or found.evidence.drift is None:
        return None
    sign = 1 if found.width >= found.evidence.proxy_width else -1
    return sign * found.evidence.drift.octaves_per_doubling * found.prediction.doublings_beyond


def _of_drift(found: Findings) -> Iterator[Reason]:
    octaves = extrapolated_drift_octaves(found)
    if octaves is not None:
        yield from _beyond(
            "drift",
            abs(octaves) / DRIFT_OCTAVES,
            abstain_at=3.0,
            words=f"the optimum would drift another {octaves:+.2f} octaves from the measured widths"
            f" to {found.width} (limit {DRIFT_OCTAVES:g})",
        )


def _of_check(check: CheckVerdict | None) -> Iterator[Reason]:
    if check is None:
        words = "the coordinate check has not run"
        yield Reason(topic="check", severity="caution", words=words, excess=1.0)
    elif check.passed is False:
        words = f"the coordinate check failed: {check.summary}"
        yield Reason(topic="check", severity="abstain", words=words, excess=5.0)
    elif check.passed is None:
        words = f"the coordinate check is inconclusive: {check.summary}"
        yield Reason(topic="check", severity="caution", words=words, excess=1.5)


def _of_wider(found: Findings) -> Iterator[Reason]:
    wider = found.evidence.wider_is_better
    if wider is not None and wider.share < WIDER_IS_BETTER_SHARE:
        yield Reason(
            topic="wider_is_better",
            severity="caution",
            words=f"the wider model is better in only {wider.share:.0%} of {wider.pairs} pairs of"
            f" equal rates (expected {WIDER_IS_BETTER_SHARE:.0%} or more)",
            excess=WIDER_IS_BETTER_SHARE / max(wider.share, 0.1),
        )


def _of_proxy(found: Findings) -> Iterator[Reason]:
    """The floor below which proxies mislead, unless the target itself was measured."""
    measured = measured_widths(found.evidence)
    if found.width in measured and not found.moved:
        return
    spec = found.spec
    actual = {
        "width": max(measured, default=spec.proxy_width),
        "depth": spec.family.depth,
        "batch_size": spec.training.batch_size,
        "steps": spec.training.steps,
    }
    if spec.family.tokens_per_example > 1:
        actual["context"] = spec.family.tokens_per_example
    low = {name: value for name, value in actual.items() if value < FLOOR[name]}
    if low:
        listed = ", ".join(f"{name} {value} < {FLOOR[name]}" for name, value in low.items())
        yield Reason(
            topic="proxy",
            severity="caution",
            words=f"proxies this small may not show the target's optimum: {listed}",
            excess=1.0 + math.log2(max(FLOOR[name] / value for name, value in low.items())) / 10,
        )


def _of_reach(found: Findings) -> Iterator[Reason]:
    if found.prediction is None:
        return
    beyond = 2**found.prediction.doublings_beyond
    yield from _beyond(
        "reach",
        beyond / REACH,
        abstain_at=8.0,
        words=f"width {found.width} is {beyond:.3g}x beyond the measured widths (limit {REACH:g}x)",
    )


def _of_other_axes(found: Findings) -> Iterator[Reason]:
    """Depth, batch and tokens: a study measures none of them, so that only a rule speaks."""
    for axis in found.moved:
        if axis.name == "width":
            continue
        abstains = axis.basis == "not_transferable" or axis.beyond > BEYOND
        yield Reason(
            topic=axis.name,
            severity="abstain" if abstains else "caution",
            words=f"{axis.name} {axis.proxy:,} in the proxies, {axis.target:,} in the target"
            f" ({axis.rule}, {axis.basis.replace('_', ' ')}): {axis.words}",
            excess=max(1.0, axis.beyond),
        )


def _of_duration(target: WholeTarget) -> Iterator[Reason]:
    """A duration that nobody asked for: rates are small for a long run and this one is short."""
    if not target.tokens_given:
        yield Reason(
            topic="tokens",
            severity="caution",
            words="the target's tokens were not given: the numbers are for a run as short as the"
            f" proxies', {target.tokens:,} tokens in {target.steps:,} steps; ask with the target's"
            " tokens",
            excess=1.0,
        )


def _beyond(
    topic: Literal["regret", "drift", "reach"], ratio: float, *, abstain_at: float, words: str
) -> Iterator[Reason]:
    """A reason if a figure is over its limit, an abstention at `abstain_at` times the limit."""
    if ratio > 1:
        severity: Literal["caution", "abstain"] = "abstain" if ratio > abstain_at else "caution"
        yield Reason(topic=topic, severity=severity, words=words, excess=ratio)
