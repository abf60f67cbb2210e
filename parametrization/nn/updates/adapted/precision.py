"""Step parameters of less than single precision in single precision.

State is float32 then, as counts and sums of rates have to be. New values are rounded to the
parameter's dtype. Where trained and evaluated values are recovered from each other (schedule-free
AdamW), rounding would eat the average: the state then keeps the parameter in float32 as well.
"""

from typing import Final

from torch import Tensor

from parametrization.nn.updates.update import (
    AnyUpdate,
    EvaluationPoint,
    GradientOptimizer,
    Hyper,
    Kind,
    LayerSignals,
    More,
    State,
    adapted,
)

_EXACT: Final = "parameter"
"""Name of the float32 parameter in the state."""
_SINGLE_BYTES: Final = 4


def in_single_precision(optimizer: Kind) -> Kind:
    """`optimizer`, for parameters of any floating dtype; float32 and float64 are left to it."""
    averages = isinstance(optimizer, GradientOptimizer) and optimizer.evaluation_point is not None
    step: AnyUpdate = optimizer.update

    def init(parameter: Tensor) -> State:
        if not _is_short(parameter):
            return optimizer.init(parameter)
        exact = parameter.float()
        return {**optimizer.init(exact), **({_EXACT: exact.clone()} if averages else {})}

    def update(
        parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper, *more: More
    ) -> tuple[Tensor, State]:
        if not _is_short(parameter):
            return step(parameter, gradient, state, hyper, *more)
        exact, own = _exact(parameter, state)
        stepped, own = step(exact, gradient.float(), own, hyper, *map(_single, more))
        kept = {_EXACT: stepped} if _EXACT in state else {}
        return stepped.to(parameter.dtype), {**own, **kept}

    def evaluation_point(given: EvaluationPoint) -> EvaluationPoint:
        def point(parameter: Tensor, state: State, hyper: Hyper) -> Tensor:
            return given(*_exact(parameter, state), hyper).to(parameter.dtype)

        return point

    return adapted(optimizer, init, update, lambda given: given, evaluation_point)


def _is_short(parameter: Tensor) -> bool:
    return parameter.dtype.itemsize < _SINGLE_BYTES


def _exact(parameter: Tensor, state: State) -> tuple[Tensor, State]:
    """The parameter as the update takes it, and the update's own state."""
    own = {name: value for name, value in state.items() if name != _EXACT}
    rounded = parameter.float() if _is_short(parameter) else parameter
    return state.get(_EXACT, rounded), own


def _single(more: More) -> More:
    if isinstance(more, LayerSignals):
        return LayerSignals(*(rows.float() for rows in more))
    return more
