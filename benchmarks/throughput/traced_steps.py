"""Trace one step of a workload on tensors without memory, with the kernels that a GPU would run.

Shape suffixes: N tensors of a group, K trials of the cohort.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from benchmarks.throughput.workloads import Workload, trial
from workers.cohort.attention import FoldedAttention
from workers.cohort.cohort import BLOCK_STEPS
from workers.cohort.finish import finish
from workers.cohort.gradients import (
    GradientOptions,
    Gradients,
    GroupedGradients,
    Groups,
    Stacked,
    Tensors,
    gradient_function,
    norms,
    traced,
)
from workers.cohort.norms import FusedNorms
from workers.cohort.stack import TensorGroup, stack_trials
from workers.cohort.tensor_updates import numbers_of
from workers.cohort.updates import GroupTensors, hyper_of, step_stacks, update_groups
from workers.datasets.data import Batch
from workers.training.objective import objective
from workers.training.resident import rows_of
from workers.training.trial import RunningTrial

AS_WRITTEN = "none"
"""A device type for which nothing has a kernel of its own: attention and norms are written out."""


class Sent(NamedTuple):
    """The transfers from host to device in a step."""

    copies: float
    bytes: int


class Traced(NamedTuple):
    """A step in its two phases."""

    gradients: fx.GraphModule
    update: fx.GraphModule
    update_alone: fx.GraphModule
    """Without clipping and norms."""
    arguments: tuple[Any, ...]
    """Of the update, without memory; the update alone takes the first three."""
    resident_bytes: int
    """Parameters and optimizer states, which are there throughout."""
    sent: Sent
    """From the host."""


class _Shapes:
    """Tensors of one cohort without memory: as of two real trials, with K instead of 2."""

    def __init__(self, workload: Workload, optimizer: str, trials: int) -> None:
        two = [trial(workload, "cpu", optimizer, number) for number in range(2)]
        self.batch_of_one, self.lone = two[0].batch(0), two[0]
        data = rows_of(self.lone.data)
        assert data is not None
        self.data = data
        self._trials, self._tensors = trials, stack_trials(two)
        self._numbers = [numbers_of(one) for one in two]
        self.mode = FakeTensorMode(allow_non_fake_inputs=True)

    def stacked(self) -> Stacked:
        return Stacked(
            *(
                {name: self._scaled(tensor, 0) for name, tensor in part.items()}
                for part in self._tensors.stacked
            )
        )

    def groups(self) -> list[GroupTensors]:
        return [self._group(group) for group in self._tensors.groups]

    def names(self) -> Groups:
        return tuple(group.names for group in self._tensors.groups)

    def stacks(self) -> list[Tensor]:
        return [self._scaled(group.parameters, 1) for group in self._tensors.groups]

    def gradients(self) -> list[list[Tensor]]:
        return [
            [self._scaled(group.parameters[0], 0) for _ in group.names]
            for group in self._tensors.groups
        ]

    @property
    def kinds(self) -> list[Any]:
        return [group.kind for group in self._tensors.groups]

    def factors(self) -> Tensor:
        with self.mode:
            return torch.empty(self._trials, dtype=torch.float64)

    def batch(self) -> Batch:
        faked: Batch = self._faked(self.batch_of_one)
        return faked

    def rows(self) -> tuple[tuple[Tensor, ...], Tensor]:
        """The dataset, and the numbers of a batch's rows in it."""
        drawn = self.data.drawn(0, 0, len(self.batch_of_one.targets))
        faked: tuple[tuple[Tensor, ...], Tensor] = self._faked((self.data.whole(), drawn))
        return faked

    def _group(self, group: TensorGroup) -> GroupTensors:
        with self.mode:
            hyper = {
                name: torch.empty(len(group.names) * self._trials, dtype=torch.float64)
                for name in hyper_of(group, self._numbers)
            }
        states = {name: self._scaled(state, 1) for name, state in group.states.items()}
        return GroupTensors(self._scaled(group.parameters, 1), states, hyper)

    def _scaled(self, tensor: Tensor, axis: int) -> Tensor:
        shape = list(tensor.shape)
        shape[axis] = self._trials
        with self.mode:
            return torch.empty(shape, dtype=tensor.dtype)

    def _faked(self, nest: Any) -> Any:  # noqa: ANN401
        return pytree.tree_map_only(Tensor, self.mode.from_tensor, nest)


def traced_cohort(
    workload: Workload, optimizer: str, trials: int, *, device_type: str = "cuda"
) -> Traced:
    """A cohort's step.

    Args:
        device_type: whose kernels and ways; `AS_WRITTEN` for none of a device's own.

    """
    shapes = _Shapes(workload, optimizer, trials)
    lone, stacked, groups = shapes.lone, shapes.stacked(), shapes.groups()
    own = device_type != AS_WRITTEN
    function = gradient_function(
        lone.model,
        objective(lone.spec.model.family).training,
        GradientOptions(
            shared_batch=True,
            autocast=workload.autocast,
            with_norms=not own,
            groups=shapes.names() if own else None,
        ),
    )

    def called(stacked: Stacked, given: Any) -> Gradients | GroupedGradients:  # noqa: ANN401
        if own:
            return function(stacked, shapes.data.gathered(*given))
        with _WrittenOut():
            return function(stacked, given)

    given: Any = shapes.rows() if own else shapes.batch()
    gradients = traced(called, stacked, given, device_type)
    update: Callable[..., Any] = finish if own else _updated_and_measured
    update_alone: Callable[..., Any] = step_stacks if own else update_groups
    arguments: tuple[Any, ...] = (groups, shapes.gradients(), shapes.factors())
    if own:
        arguments = (groups, shapes.stacks(), shapes.factors(), None)
    resident = sum(
        tensor.nbytes for group in groups for tensor in (group.parameters, *group.states.values())
    )
    alone = make_fx(partial(update_alone, shapes.kinds))(*arguments[:3])
    whole = make_fx(partial(update, shapes.kinds))(*arguments)
    factors = arguments[2].nbytes
    sent = Sent(2 / BLOCK_STEPS, given[1].nbytes + factors)
    if not own:
        sent = Sent(3, sum(one.nbytes for one in given) + factors)
    return Traced(gradients, whole, alone, arguments, resident, sent)


class _WrittenOut(TorchFunctionMode):
    """Attention as matrix products and a softmax, with all logits in memory."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Replace `scaled_dot_product_attention`."""
        if func is not functional.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        query, key, value = args[:3]
        logits = (query * query.shape[-1] ** -0.5) @ key.mT
        if (kwargs or {}).get("is_causal"):
            seen = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).tril()
            logits = logits.masked_fill(~seen, float("-inf"))
        return functional.softmax(logits, dim=-1) @ value


def _updated_and_measured(kinds: Any, tensors: Any, gradients: Any, factors_K: Tensor) -> Tensor:  # noqa: ANN401
    update_groups(kinds, tensors, gradients, factors_K)
    by_name: Tensors = {
        f"{place}.{number}": own
        for place, group in enumerate(tensors)
        for number, own in enumerate(group.parameters)
    }
    return norms(by_name)


def traced_alone(workload: Workload, optimizer: str) -> tuple[fx.GraphModule, RunningTrial]:
    """Gradients of one trial, as autograd computes them, without the dimension of trials."""
    shapes = _Shapes(workload, optimizer, 1)
    lone = shapes.lone
    loss = objective(lone.spec.model.family).training
    parameters = {
        name: shapes.mode.from_tensor(tensor.detach())
        for name, tensor in lone.model.named_parameters()
    }

    def loss_of(parameters: Tensors, batch: Batch) -> Tensor:
        def called(*_: object) -> Tensor:
            return loss(lone.model, batch)

        with torch.autocast("cpu", workload.autocast, enabled=workload.autocast is not None):
            return _with_parameters(lone, parameters, called)

    with FoldedAttention("cuda"), FusedNorms("cuda"):
        graph = make_fx(torch.func.grad_and_value(loss_of))(parameters, shapes.batch())
    return graph, lone


def _with_parameters(
    lone: RunningTrial, parameters: Tensors, called: Callable[..., Tensor]
) -> Tensor:
    with torch.nn.utils.stateless._reparametrize_module(lone.model, parameters):
        return called()
