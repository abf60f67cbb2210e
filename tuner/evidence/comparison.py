"""Compare the optimizers of one study, each at its own best learning rate."""

from collections.abc import Iterable, Sequence

from parametrization.recommendation.evidence import OptimizerStanding
from parametrization.rules.parametrization import Parametrization
from tuner.evidence.sensitivity import SensitivityCurve, SensitivityPoint
from tuner.spec.optimizers.name import Optimizer


def compare_optimizers(
    curves: Iterable[SensitivityCurve], optimizers: Sequence[Optimizer]
) -> tuple[OptimizerStanding, ...]:
    """Standings of a study's optimizers under muP, best first; () until all can be compared.

    Trials of one study see the same tokens and, because an optimizer's own arithmetic is
    negligible beside the model's, spend the same FLOPs: one comparison serves for both.
    """
    best_at: dict[tuple[Optimizer, int], tuple[float, float]] = {}
    tried_at: dict[tuple[Optimizer, int], SensitivityCurve] = {}
    for curve in curves:
        rate, loss = curve.optimum.log2_learning_rate, curve.optimum.loss
        if curve.parametrization is Parametrization.MUP and rate is not None and loss is not None:
            best_at[curve.optimizer, curve.width] = (loss, rate)
            tried_at[curve.optimizer, curve.width] = curve
    widths = [
        width
        for width in {at for _, at in best_at}
        if all((optimizer, width) in best_at for optimizer in optimizers)
    ]
    if not widths:
        return ()
    ranked = sorted((*best_at[optimizer, max(widths)], optimizer) for optimizer in optimizers)
    return tuple(
        OptimizerStanding(
            optimizer=optimizer,
            width=max(widths),
            loss=loss,
            log2_learning_rate=rate,
            excess_percent=100 * (loss / ranked[0][0] - 1),
            best_learning_rate=best.learning_rate if best else None,
            best_trials=tuple(seed.number for seed in best.seeds) if best else (),
        )
        for loss, rate, optimizer in ranked
        for best in (_best_tried(tried_at[optimizer, max(widths)]),)
    )


def _best_tried(curve: SensitivityCurve) -> SensitivityPoint | None:
    """The rate with the lowest mean loss; None if a seed diverged at every one.

    A mean over fewer seeds than others is no rival to theirs.
    """
    finite = [(point.mean_loss, point) for point in curve.points if point.mean_loss is not None]
    most = max((len(point.seeds) for _, point in finite), default=0)
    full = [(loss, point) for loss, point in finite if len(point.seeds) == most]
    return min(full, key=lambda one: one[0])[1] if full else None
