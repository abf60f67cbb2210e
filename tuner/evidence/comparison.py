"""Compare the optimizers of one study, each at its own best learning rate."""

from collections.abc import Iterable, Sequence

from parametrization.rules.parametrization import Parametrization
from tuner.evidence.sensitivity import SensitivityCurve
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.record import Record


class OptimizerStanding(Record):
    """One optimizer of a study that names several, after tuning."""

    optimizer: Optimizer
    width: int
    """The widest width that every optimizer of the study is measured at."""
    loss: float
    """At the optimizer's own best rate there."""
    log2_learning_rate: float
    """That rate, at the base width."""
    excess_percent: float
    """Loss over the best optimizer's; 0 for the best one."""


def compare_optimizers(
    curves: Iterable[SensitivityCurve], optimizers: Sequence[Optimizer]
) -> tuple[OptimizerStanding, ...]:
    """Standings of a study's optimizers under muP, best first; () until all can be compared.

    Trials of one study see the same tokens and, because an optimizer's own arithmetic is
    negligible beside the model's, spend the same FLOPs: one comparison serves for both.
    """
    best_at: dict[tuple[Optimizer, int], tuple[float, float]] = {}
    for curve in curves:
        rate, loss = curve.optimum.log2_learning_rate, curve.optimum.loss
        if curve.parametrization is Parametrization.MUP and rate is not None and loss is not None:
            best_at[curve.optimizer, curve.width] = (loss, rate)
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
        )
        for loss, rate, optimizer in ranked
    )
