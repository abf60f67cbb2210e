"""The numbers of a recommendation, as frameworks take them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol, TypeVar

from parametrization.optimizers.registry import declared
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import ScheduleValues, TensorValues
from parametrization.scaling.multiplier_free import multiplier_free
from parametrization.scaling.tensor_scaling import TensorScaling
from tuner.recommendation.exports.protocol.export import Refused

_T = TypeVar("_T")
LIBRARY: Final = (
    "Fetch the recommendation as json and apply it with the widthwise library:"
    " Recommendation.from_file(path).apply(model)"
)


class Trained(Protocol):
    """The numbers of an optimizer's parameter groups."""

    @property
    def optimizer(self) -> str: ...
    @property
    def tensors(self) -> tuple[TensorValues, ...]: ...


def without_multipliers(document: RecommendationDocument) -> tuple[TensorValues, ...]:
    """The tensors of the multiplier-free form, for forward passes that cannot be changed.

    Raises:
        Refused: if there is no such form: gradients are clipped, or the readout's table is tied.

    """
    tied = {tensor.name for tensor in document.base_shapes.tensors if tensor.tied}
    rows = document.tensors
    try:
        moved = multiplier_free(
            (_scaling(row) for row in rows),
            gradient_clip_norm=document.gradient_clip_norm,
            gradient_clip_value=document.gradient_clip_value,
            gradient_clip_percentile=document.gradient_clip_percentile,
            tied=[row.pattern for row in rows if tied.intersection(row.names)],
        )
    except ValueError as error:
        raise Refused(f"this form moves the readout's multiplier into its numbers: {error}") from (
            error
        )
    return tuple(
        row.model_copy(
            update={
                "init_std": at.init_std,
                "constant": at.constant,
                "multiplier": at.multiplier,
                "learning_rate": at.learning_rate,
                "weight_decay": at.weight_decay,
                "epsilon": at.epsilon,
                "others": dict(at.others),
                "reason": at.reason,
            }
        )
        for row, at in zip(rows, moved, strict=True)
    )


def _scaling(row: TensorValues) -> TensorScaling:
    return TensorScaling(
        name=row.pattern,
        role=row.role,
        shape=row.shape,
        init_std=row.init_std,
        constant=row.constant,
        multiplier=row.multiplier,
        learning_rate=row.learning_rate,
        weight_decay=row.weight_decay,
        epsilon=row.epsilon,
        reason=row.reason,
        optimizer=row.optimizer,
        others=row.others,
    )


def row_of_optimizer(framework: str, rows: Mapping[str, _T], trained: Trained) -> _T:
    """The row of the one optimizer that trains everything.

    Raises:
        Refused: if the framework has none, or several optimizers train the model.

    """
    names = sorted({tensor.optimizer for tensor in trained.tensors})
    if len(names) == 1 and names[0] in rows:
        return rows[names[0]]
    missing = next((name for name in names if name not in rows), None)
    why = (
        f"cannot train this as the study did with {declared(missing).name}"
        if missing is not None
        else f"trains a model with one optimizer, and here {' and '.join(names)} share it"
    )
    raise Refused(f"{framework} {why}: this form exists for {', '.join(rows)}. {LIBRARY}")


def row_of_schedule(framework: str, rows: Mapping[str, _T], schedule: ScheduleValues) -> _T:
    """The row of the schedule's shape.

    Raises:
        Refused: if the framework has none.

    """
    if schedule.shape in rows:
        return rows[schedule.shape]
    raise Refused(
        f"{framework} has no schedule {schedule.shape}: this form exists for {', '.join(rows)}."
        " Use the format torch, which writes any schedule as factors"
    )


def warmup_updates(schedule: ScheduleValues) -> int:
    """Updates of the linear warm-up, of which the last one runs at the peak; 0 without one."""
    updates = schedule.form.warmup_steps(schedule.steps)
    return 0 if updates == 1 else updates


def decay_updates(schedule: ScheduleValues) -> int:
    """Updates from the first one that decays, or would, to the last."""
    factor, steps = schedule.form.factor, schedule.steps
    low, high = warmup_updates(schedule), steps
    while low < high:  # the factor falls once it has left the peak
        middle = (low + high) // 2
        low, high = (middle + 1, high) if factor(middle, steps) > 1 - 1e-12 else (low, middle)
    return steps - low + 1 if low < steps else 0


def the_only(tensors: Iterable[TensorValues], of: Callable[[TensorValues], _T]) -> _T | None:
    """A number that all tensors share; None where they do not."""
    found = list(dict.fromkeys(of(tensor) for tensor in tensors))
    return found[0] if len(found) == 1 else None
