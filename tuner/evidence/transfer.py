"""Summarise how the optimum of one optimizer moves with width under one parametrization."""

import math
from collections.abc import Iterable, Sequence

from parametrization.recommendation.evidence import TransferEvidence, WidthOptimum
from parametrization.rules.parametrization import Parametrization
from parametrization.transfer.drift import drift
from parametrization.transfer.prediction import predict
from parametrization.transfer.published_measures import asymptotic_penalty, robustness
from parametrization.transfer.regret import (
    leave_widest_out,
    regrets,
    wider_is_better,
)
from tuner.evidence.sensitivity import SensitivityCurve, losses_of
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import Purpose


def transfer_by_parametrization(
    curves: Sequence[SensitivityCurve], optimizer: Optimizer, *, proxy_width: int, target_width: int
) -> tuple[TransferEvidence, ...]:
    """Transfer of one optimizer under each parametrization, from its curves, muP first."""
    under = dict.fromkeys(curve.parametrization for curve in curves if curve.optimizer == optimizer)
    found = [
        summarise_transfer(
            curves,
            optimizer,
            parametrization,
            proxy_width=proxy_width,
            target_width=target_width,
        )
        for parametrization in under
    ]
    mup = [at.optima for at in found if at.parametrization is Parametrization.MUP]
    if not mup:
        return tuple(found)
    return tuple(
        at
        if at.optima is mup[0]
        else at.model_copy(update={"asymptotic_penalty": asymptotic_penalty(at.optima, mup[0])})
        for at in found
    )


def summarise_transfer(
    curves: Iterable[SensitivityCurve],
    optimizer: Optimizer,
    parametrization: Parametrization,
    *,
    proxy_width: int,
    target_width: int,
) -> TransferEvidence:
    """The evidence that `sensitivity`'s curves hold about one optimizer's transfer."""
    by_width: dict[int, SensitivityCurve] = {}
    for curve in curves:
        if (curve.optimizer, curve.parametrization) == (optimizer, parametrization):
            other = by_width.get(curve.width)
            if other is None or other.optimum.status == "unknown":
                by_width[curve.width] = curve
    optima = tuple(
        WidthOptimum(width=width, optimum=by_width[width].optimum) for width in sorted(by_width)
    )
    losses = {
        width: losses_of(curve)
        for width, curve in by_width.items()
        if curve.purpose is not Purpose.SEARCH
    }
    known = [at for at in optima if at.optimum.status != "unknown"]
    widest = losses.get(known[-1].width) if len(known) > 1 else None
    reused = () if widest is None else regrets(known, widest)
    shift = _shift(known, proxy_width)
    return TransferEvidence(
        optimizer=optimizer,
        parametrization=parametrization,
        proxy_width=proxy_width,
        optima=optima,
        drift=drift(optima),
        shift_octaves=shift,
        shift_doublings=None if shift is None else math.log2(known[-1].width / proxy_width),
        proxy_regret=next((regret for regret in reused if regret.from_width == proxy_width), None),
        regrets=reused,
        leave_widest_out=None if widest is None else leave_widest_out(known, widest),
        wider_is_better=wider_is_better(losses),
        at_target=predict(optima, target_width),
        robustness=robustness(optima),
    )


def _shift(known: Sequence[WidthOptimum], proxy_width: int) -> float | None:
    measured = {
        at.width: at.optimum.log2_learning_rate for at in known if at.optimum.status == "measured"
    }
    if not known or known[-1].width == proxy_width:
        return None
    proxy, widest = measured.get(proxy_width), measured.get(known[-1].width)
    return None if proxy is None or widest is None else widest - proxy
