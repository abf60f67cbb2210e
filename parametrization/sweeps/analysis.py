"""Analyse a sweep that a user has: optima, drift, interval and verdict for a wider model."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from parametrization.recommendation.evidence import Drift, Optimum, Prediction, WidthOptimum
from parametrization.recommendation.trust import Reason
from parametrization.recommendation.values import PredictedLoss
from parametrization.sweeps.table import Group, SeedLosses, Sweep
from parametrization.transfer.optimum import MIN_RATES, MIN_TRIALS, fit_optimum
from parametrization.transfer.reasons import measured_widths, reasons_against_transfer, too_short
from parametrization.transfer.summary import transfer_to
from parametrization.transfer.target_loss import predicted_loss

UNCHECKED: Final = (
    "a table shows no coordinate check: whether the parametrization is right is for"
    " `widthwise.check_width` to say"
)


class Analysis(NamedTuple):
    """One sweep's answer for one width."""

    where: dict[str, str]
    """The columns, and their values, that set its rows apart in the table."""
    target_width: int
    verdict: Literal["recommend", "caution", "abstain"]
    reasons: tuple[Reason, ...]
    optima: tuple[WidthOptimum, ...]
    drift: Drift | None
    prediction: Prediction | None
    predicted_regret_percent: float | None
    predicted_loss: PredictedLoss | None
    said: tuple[str, ...]
    """Figures that are missing, with the reasons, in words."""

    @property
    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "where": self.where,
            "target_width": self.target_width,
            "verdict": self.verdict,
            "reasons": [reason.model_dump(mode="json") for reason in self.reasons],
            "learning_rate": self._rate,
            "optima": [at.model_dump(mode="json") for at in self.optima],
            "drift": None if self.drift is None else self.drift.model_dump(mode="json"),
            "prediction": (
                None if self.prediction is None else self.prediction.model_dump(mode="json")
            ),
            "predicted_regret_percent": self.predicted_regret_percent,
            "predicted_loss": (
                None if self.predicted_loss is None else self.predicted_loss.model_dump(mode="json")
            ),
            "said": list(self.said),
        }

    @property
    def _rate(self) -> dict[str, float] | None:
        at = self.prediction
        if at is None:
            return None
        return {
            "value": 2.0**at.log2_learning_rate,
            "low": 2.0**at.low_log2_learning_rate,
            "high": 2.0**at.high_log2_learning_rate,
        }


def analyse(group: Group, target_width: int) -> Analysis:
    """The answer of one sweep for a width.

    Args:
        target_width: > 0; one that the table has is answered by its own optimum.

    """
    optima = tuple(
        WidthOptimum(width=width, optimum=_optimum(at)) for width, at in group.sweep.items()
    )
    found = transfer_to(target_width, optima, proxy_width=min(group.sweep))
    against = list(reasons_against_transfer(found))
    if group.steps is not None and target_width not in measured_widths(optima):
        against += too_short(group.steps)
    reasons = tuple(
        sorted(against, key=lambda reason: (reason.severity != "abstain", -reason.excess))
    )
    severities = {reason.severity for reason in reasons}
    return Analysis(
        group.where,
        target_width,
        "abstain" if "abstain" in severities else "caution" if reasons else "recommend",
        reasons,
        optima,
        found.drift,
        found.prediction,
        found.predicted_regret_percent,
        predicted_loss(optima, target_width, found.predicted_regret_percent),
        (*_missing(group.sweep), UNCHECKED),
    )


def _optimum(losses: Mapping[float, SeedLosses]) -> Optimum:
    fitted = fit_optimum((rate, loss) for rate, of in losses.items() for loss in of.values())
    seeds = {seed for of in losses.values() for seed in of}
    return fitted.model_copy(update={"seeds": len(seeds)})


def curves_of(group: Group, analysis: Analysis) -> dict[str, Any]:
    """Loss against learning rate at each width, in the form that plots take."""
    optima = {at.width: at.optimum.model_dump(mode="json") for at in analysis.optima}
    return {
        "curves": [
            {
                "optimizer": "",
                "parametrization": "mup",
                "width": width,
                "points": [_point(rate, tuple(of.values())) for rate, of in at.items()],
                "optimum": optima[width],
            }
            for width, at in group.sweep.items()
        ],
        "compared_by": {"words": "loss"},
    }


def _point(rate: float, losses: tuple[float | None, ...]) -> dict[str, Any]:
    finite = [loss for loss in losses if loss is not None]
    diverged = len(losses) - len(finite)
    return {
        "log2_learning_rate": rate,
        "mean_loss": None if diverged else math.fsum(finite) / len(finite),
        "diverged": diverged,
        "seeds": [{"loss": loss} for loss in losses],
    }


def _missing(sweep: Sweep) -> Iterator[str]:
    for width, at in sweep.items():
        trials = sum(loss is not None for of in at.values() for loss in of.values())
        if len(at) < MIN_RATES or trials < MIN_TRIALS:
            yield (
                f"width {width}: {trials} losses at {len(at)} rates; an optimum takes {MIN_TRIALS}"
                f" at {MIN_RATES}"
            )
    uneven = {len(of) for at in sweep.values() for of in at.values()}
    if len(uneven) > 1:
        yield f"rates have {min(uneven)} to {max(uneven)} seeds each"
