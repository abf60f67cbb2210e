"""Step parameters that are sharded over processes (DTensor: FSDP2, HSDP, tensor parallelism).

An entrywise optimizer steps every process's shard by itself. Every other one is given the whole
matrix: parameter, gradient and state are gathered tensor by tensor, the first process of the mesh
computes the step, and all keep their share of it. One process alone computes it because the sign of
eigenvectors depends on rounding: shares of two processes would not be of one basis. Between updates
state is sharded as well: of the parameter's shape as the parameter, otherwise along its own first
dimension; numbers are replicated.
"""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from parametrization.nn.updates.adapted.views import AS_THEY_ARE, Views
from parametrization.nn.updates.update import (
    AnyUpdate,
    Contribution,
    EvaluationPoint,
    Hyper,
    Kind,
    LayerSignals,
    More,
    State,
    adapted,
)


def for_shards(optimizer: Kind) -> Kind:
    """`optimizer`, for parameters that may be sharded; all processes have to step together."""
    entrywise = optimizer.declaration.entrywise
    step: AnyUpdate = optimizer.update

    def init(parameter: Tensor) -> State:
        views = _views(parameter, entrywise=entrywise)
        return views.keep(optimizer.init(views.take(parameter)))

    def update(
        parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper, *more: More
    ) -> tuple[Tensor, State]:
        views = _views(parameter, entrywise=entrywise)
        _refuse_replicas(views, more)
        own = {name: views.take(value) for name, value in state.items()}
        given = [views.signals(one) if isinstance(one, LayerSignals) else one for one in more]
        whole = (views.take(parameter), views.take(gradient))
        if views.computes:
            stepped, own = step(*whole, own, hyper, *given)
        else:
            stepped, own = torch.empty_like(whole[0]), _like(own)
        return views.give(stepped), views.keep(own)

    def contribution(given: Contribution) -> Contribution:
        return lambda gradient, hyper: given(
            _views(gradient, entrywise=False).take(gradient), hyper
        )

    def evaluation_point(given: EvaluationPoint) -> EvaluationPoint:
        def point(parameter: Tensor, state: State, hyper: Hyper) -> Tensor:
            views = _views(parameter, entrywise=entrywise)
            own = {name: views.take(value) for name, value in state.items()}
            return views.give(given(views.take(parameter), own, hyper))

        return point

    return adapted(optimizer, init, update, contribution, evaluation_point)


def _refuse_replicas(views: Views, more: Sequence[More]) -> None:
    """Refuse replicas if the step needs layers' signals: each sees its own, and would diverge."""
    takes_signals = any(isinstance(one, LayerSignals) for one in more)
    if takes_signals and views is AS_THEY_ARE and _processes() > 1:
        raise RuntimeError(
            "K-FAC needs what the layers of all processes saw, and knows only this process's where"
            " every process holds a replica (DistributedDataParallel): shard the model by"
            " torch.distributed.fsdp.fully_shard instead"
        )


def _processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def _like(state: State) -> State:
    """Uninitialised state of the same shapes, for values that another process computes."""
    return {name: torch.empty_like(value) for name, value in state.items()}


def _views(tensor: Tensor, *, entrywise: bool) -> Views:
    if not (dist.is_available() and dist.is_initialized()):
        return AS_THEY_ARE
    # Importing it takes a second that nobody without processes should wait.
    from parametrization.nn.updates.adapted.shards import views_of

    return views_of(tensor, entrywise=entrywise) or AS_THEY_ARE
