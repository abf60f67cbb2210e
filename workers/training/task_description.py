"""Find out what a study has to know of a user's task: every refusal at once, or its facts.

Two models, two batches and a loss are made; nothing is trained.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.check.contract import follow, refuse_devices, refuse_shared, words_on_sum
from parametrization.nn.check.seeding import seed_globals
from parametrization.nn.classification.proposals import as_code
from parametrization.nn.classification.unclassified import UnclassifiedTensors
from tuner.spec.families.registered_tasks import Registration
from widthwise.task_source import TaskSource, slug
from widthwise.task_words import TaskRefused
from workers.datasets.own_batches import OwnBatchesData, tensors_of
from workers.device.out_of_memory import is_out_of_memory
from workers.own_tasks.opened import OpenTask, TaskFailed, facts_of, open_source
from workers.training.own_objective import objective_of

_SIZES: Final = (2, 4)
"""Examples of the batches that are tried."""


class _Problems(NamedTuple):
    """Problems of a task, collected as they are found."""

    words: list[str]
    proposals: dict[str, str]

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Go on after what cannot be used, so that everything is said at once."""
        try:
            yield
        except TaskFailed as error:
            self._say(str(error))
        except UnclassifiedTensors as error:
            self.words.extend(str(error).partition("\nWhat shapes and names")[0].split("\n"))
            self.proposals.update(
                {
                    pattern: f"{as_code(said)},  # {error.unknown[pattern]}"
                    for pattern, said in error.proposals.items()
                }
            )
        except (ValueError, RuntimeError, MemoryError) as error:
            words = str(error) or type(error).__name__
            self._say(_TOO_LARGE if is_out_of_memory(error) else words)

    def _say(self, words: str) -> None:
        if words not in self.words:
            self.words.append(words)


_TOO_LARGE: Final = (
    "the task needs more memory than this machine has free: lower base_width or depth, or read the"
    " data in parts, as numpy.load does with mmap_mode"
)


def described(source: TaskSource) -> Registration:
    """The task's registration.

    Raises:
        TaskRefused: if it cannot be used, with all reasons and the roles to declare.

    """
    version = source.version()
    task = open_source(source)
    problems = _Problems([], {})
    in_blocks, draws = False, False
    with problems.noted():
        in_blocks = _has_blocks(task)
    with problems.noted():
        _try_batches(task, version)
    with problems.noted():
        draws = _try_loss(task, version)
    if problems.words:
        raise TaskRefused(*problems.words, proposals=problems.proposals)
    return Registration(
        name=slug(task.name),
        words=(task.type.__doc__ or "").strip().partition("\n\n")[0],
        source=source.text,
        version=version,
        depth=task.type.depth,
        facts=facts_of(task, residual_blocks=in_blocks, draws=draws),
        files=source.files,
    )


def _has_blocks(task: OpenTask) -> bool:
    """True if tensors are in residual blocks, once every one of them has a rule."""
    kind = task.type
    base, delta = (task.model(times * kind.base_width, kind.depth) for times in (1, 2))
    shape = derive_model_shape(
        base,
        delta,
        kind.base_width,
        roles=task.roles,
        blocks=task.blocks,
        fixed=task.fixed_starts(kind.depth),
    )
    return any(tensor.in_block for tensor in shape.tensors)


def _try_batches(task: OpenTask, version: str) -> None:
    """Hold batches to their contract: the same whenever asked for, as large as asked for."""
    if not task.by_step:
        first, again = (OwnBatchesData(task, version) for _ in range(2))
        for step in range(2):
            one, other = (data.batch(0, step, 1).inputs for data in (first, again))
            if not _equal(one, other):
                raise task.failed(
                    f"loader(0) gave two different batches of step {step}: order and content may"
                    " depend on the seed alone"
                )
        return
    data = OwnBatchesData(task, version)
    one, other = (data.batch(0, 0, _SIZES[0]).inputs for _ in range(2))
    refuse_devices("batch", tensors_of(one))
    if not _equal(one, other):
        raise task.failed(
            "batch(0, 0, 2) gave two different batches: everything random in it must follow from"
            " seed and step (the global generators of torch, numpy and Python are seeded with them)"
        )
    larger = data.batch(0, 0, _SIZES[1]).inputs
    if [one.shape for one in tensors_of(one)] == [one.shape for one in tensors_of(larger)]:
        raise task.failed(
            f"batch gave tensors of the same shapes for size {_SIZES[0]} and {_SIZES[1]}: return"
            " as many examples as `size` says"
        )


def _try_loss(task: OpenTask, version: str) -> bool:
    """Hold loss and validate to their contracts; whether the loss draws random numbers."""
    kind = task.type
    model, other = (task.model(kind.base_width, kind.depth) for _ in range(2))
    refuse_shared(model, other)
    batch = OwnBatchesData(task, version).batch(0, 0, _SIZES[1])
    refuse_devices("batch", tensors_of(batch.inputs))
    learned = objective_of(task)
    state = _generators()
    loss = learned.training(model, batch)
    draws = _generators() != state
    if not loss.isfinite():
        raise task.failed(
            f"loss gave {loss.item():g} for the model as it is built: look for a division by zero,"
            " a logarithm of zero, masked rows without an entry, or half precision that overflows"
        )
    follow(loss)
    if task.validates:
        with torch.no_grad():
            learned.validation(model.eval(), batch)
    _require_same_loss(task, learned.training, model.train(), batch)
    return draws


def _require_same_loss(
    task: OpenTask,
    loss: Callable[..., Tensor],
    model: nn.Module,
    batch: Any,  # noqa: ANN401
) -> None:
    values = []
    for _ in range(2):
        seed_globals(0)
        kept = {name: one.clone() for name, one in model.state_dict().items() if _is_tensor(one)}
        values.append(loss(model, batch).detach())
        model.load_state_dict(kept, strict=False)
    if not torch.equal(*values):
        raise task.failed(
            f"loss gave {values[0].item():g} and {values[1].item():g} for one model and one batch:"
            " it may keep nothing from call to call, and draw random numbers from the global"
            " generators alone"
        )
    with torch.no_grad():
        if words := words_on_sum(lambda content: _seeded(loss, model, content), batch):
            raise task.failed(words)


def _seeded(loss: Callable[..., Tensor], *arguments: object) -> Tensor:
    seed_globals(0)
    return loss(*arguments)


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def _equal(one: object, other: object) -> bool:
    pairs = zip(tensors_of(one), tensors_of(other), strict=False)
    same_count = len(tensors_of(one)) == len(tensors_of(other))
    return same_count and all(torch.equal(a, b) for a, b in pairs)


def _generators() -> tuple[bytes, str, str]:
    """State of the global random generators."""
    torchs = torch.get_rng_state().numpy().tobytes()
    return torchs, repr(np.random.get_state()), repr(random.getstate())
