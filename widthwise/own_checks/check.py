"""Check a user's own task: its rules, whether its batches repeat, and transfer over width.

All problems are collected before they are reported.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from functools import partial
from inspect import getfile
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

from torch import Tensor, nn
from torch.utils import _pytree as pytree

from parametrization.check.usual_settings import check_widths
from parametrization.check.verdict import CheckVerdict, judge
from parametrization.nn.check.contract import refuse_devices, scalar_loss
from parametrization.nn.check.fitness import Finding, fitness
from parametrization.nn.check.seeding import seed_globals
from parametrization.nn.check.settings import kept_settings
from parametrization.nn.classification.proposals import as_code
from parametrization.nn.describe import Description, describe
from parametrization.nn.own_model import check, check_depths, shape
from parametrization.recommendation.check_statistics import CheckStatistics
from widthwise.task import Task, has, task_roles
from widthwise.task_words import called_words, raised_words

Outcome = Literal["passed", "failed", "undecided", "refused"]
EXIT_STATUS: Final[Mapping[Outcome, int]] = {
    "passed": 0,
    "failed": 1,
    "undecided": 2,
    "refused": 2,
}
DEPTH_FACTORS: Final = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class OwnCheck:
    """Result of checking one target.

    Attributes:
        target: as it was named.
        refused: reasons that it cannot be scaled or trained, with remedies; () if it can.
        roles: proposed declarations by parameter name or pattern, as Python source.
        table: every tensor's numbers; None where it is refused, or only statistics are given.
        findings: that batch and loss repeat, and whether trials can train together.
        width: verdict of the check over widths; None if it was not taken.
        depth: likewise over depths, where tensors are marked as in residual blocks.
        seconds: duration of the check.

    """

    target: str
    refused: tuple[str, ...] = ()
    roles: Mapping[str, str] | None = None
    table: Description | None = None
    findings: tuple[Finding, ...] = ()
    width: CheckVerdict | None = None
    depth: CheckVerdict | None = None
    seconds: float = 0.0

    @property
    def outcome(self) -> Outcome:
        """`undecided` where a verdict is inconclusive and none failed."""
        if self.refused:
            return "refused"
        if any(one.needed and not one.passed for one in self.findings):
            return "failed"
        verdicts = {one.passed for one in (self.width, self.depth) if one is not None}
        return "failed" if False in verdicts else "undecided" if None in verdicts else "passed"


def check_task(
    target: str,
    kind: type[Task],
    *,
    widths: Sequence[int] = (),
    optimizer: str = "adamw",
    batch_size: int = 16,
) -> OwnCheck:
    """Describe and check a task in this process, which runs its code.

    Args:
        widths: of the check; default: four that double, multiples of the task's divisor, from 64.
        batch_size: examples of the check's batches.

    """
    begun = time.monotonic()
    if odd := [width for width in widths if width % kind.width_divisor]:
        return OwnCheck(target, refused=(_no_multiple(odd[0], kind.width_divisor),))
    try:
        checked = _checked(target, kind, widths, optimizer, batch_size)
    except Exception as error:  # noqa: BLE001  of the task's own modules, which the check calls
        checked = OwnCheck(target, refused=(_words(error, kind),), roles=_pasteable(error))
    return replace(checked, seconds=time.monotonic() - begun)


def _checked(
    target: str, kind: type[Task], widths: Sequence[int], optimizer: str, batch_size: int
) -> OwnCheck:
    task = _Opened(kind, batch_size)
    model = partial(task.model, depth=kind.depth)
    declared: dict[str, Any] = {"roles": task_roles(kind), "blocks": tuple(kind.blocks)}
    base = shape(model, kind.base_width, **declared)
    task.require_sizes()
    table = describe(base, optimizer=optimizer)
    first, *_ = chosen = tuple(widths) or check_widths(kind.width_divisor)
    findings = tuple(fitness(partial(model, first), task.loss, partial(task.batch, 0, 0)))
    if not all(one.passed for one in findings if one.needed):
        return OwnCheck(target, table=table, findings=findings)
    given: dict[str, Any] = {"optimizer": optimizer, **declared}
    over_width = check(
        model, task.loss, task.batch, widths=chosen, base_width=kind.base_width, **given
    )
    over_depth = None
    if any(tensor.in_block for tensor in base.tensors):
        depths = tuple(kind.depth * factor for factor in DEPTH_FACTORS)
        try:
            over_depth = check_depths(
                task.model, task.loss, task.batch, depths=depths, base_width=first, **given
            )
        except ValueError as error:
            unfit = Finding("depth", False, False, f"{error}; keep the proxies' depth")
            findings = (*findings, unfit)
    return OwnCheck(target, table=table, findings=findings, width=over_width, depth=over_depth)


def _no_multiple(width: int, divisor: int) -> str:
    below = width - width % divisor
    near = " and ".join(str(one) for one in (below, below + divisor) if one)
    return (
        f"width {width} is no multiple of the task's width_divisor {divisor}:"
        f" the nearest are {near}"
    )


def describe_task(
    kind: type[Task], *, width: int | None = None, optimizer: str = "adamw"
) -> Description:
    """The table of what every tensor of the task's model gets.

    Raises:
        ValueError: if the model cannot be scaled, with what to declare.
        TaskRaised: if the task's code raises.

    """
    task = _Opened(kind, 1)
    base = shape(
        partial(task.model, depth=kind.depth),
        kind.base_width,
        roles=task_roles(kind),
        blocks=tuple(kind.blocks),
    )
    return describe(base, width=width, optimizer=optimizer)


def check_statistics(target: str, given: CheckStatistics) -> OwnCheck:
    """Judge statistics that were taken elsewhere."""
    verdict = judge(given.statistics, given.base_shapes, given.optimizer, policies=given.policies)
    return OwnCheck(target, width=verdict)


class TaskRaised(RuntimeError):
    """The task's own code raised, or returned what cannot be trained; the text says where."""


class _Opened:
    """One object of the task, its methods called as workers call them.

    In the folder of its file, with random numbers that follow from what the call is about.
    """

    def __init__(self, kind: type[Task], batch_size: int) -> None:
        self._kind, self._size = kind, batch_size
        self._folder = Path(getfile(kind)).resolve().parent
        self._task: Task = self._call("__init__", kind)

    def model(self, width: int, /, *, depth: int) -> nn.Module:
        built = self._call("model", self._task.model, width, depth, seeds=(1,))
        if not isinstance(built, nn.Module):
            raise TaskRaised(f"model returned a {type(built).__name__}, not a torch.nn.Module")
        refuse_devices("model", (*built.parameters(), *built.buffers()))
        return built

    def loss(self, model: nn.Module, batch: object) -> Any:  # noqa: ANN401  torch's
        loss = self._call("loss", self._task.loss, model, batch)
        return scalar_loss(loss)

    def batch(self, seed: int, step: int, *, size: int = 0) -> Any:  # noqa: ANN401
        if has(self._kind, "batch"):
            arguments = (seed, step, size or self._size)
            made = self._call("batch", self._task.batch, *arguments, seeds=(seed, step))
        else:
            made = self._call("loader", self._nth, seed, step, seeds=(seed,))
        refuse_devices("batch", _tensors(made))
        return made

    def require_sizes(self) -> None:
        """Hold batch to the number of examples that it is asked for."""
        if not has(self._kind, "batch"):
            return
        sizes = (self._size, 2 * self._size)
        one, other = ([t.shape for t in _tensors(self.batch(0, 0, size=n))] for n in sizes)
        if one and one == other:
            raise TaskRaised(
                f"batch gave tensors of the same shapes for size {sizes[0]} and {sizes[1]}: return"
                " as many examples as `size` says"
            )

    def _nth(self, seed: int, step: int) -> Any:  # noqa: ANN401
        return next(islice(self._task.loader(seed), step, None))

    def _call(
        self,
        what: str,
        method: Callable[..., Any],
        *arguments: object,
        seeds: tuple[int, ...] = (),
    ) -> Any:  # noqa: ANN401  whatever the user's code returns
        if seeds:
            seed_globals(*seeds)
        try:
            with chdir(self._folder), kept_settings():
                return method(*arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # cancellations and exits are no Exception
            words = called_words(what, error, self._folder, *arguments)
            raise TaskRaised(words) from error


def _tensors(content: object) -> list[Tensor]:
    return [one for one in pytree.tree_leaves(content) if isinstance(one, Tensor)]


def _words(error: Exception, kind: type[Task]) -> str:
    if isinstance(error, (ValueError, TaskRaised)) and str(error):
        return str(error)
    return raised_words(error, Path(getfile(kind)).resolve().parent)


def _pasteable(error: Exception) -> dict[str, str]:
    """Roles that the classification proposes, as Python."""
    proposals = getattr(error, "proposals", None) or {}
    return {pattern: as_code(said) for pattern, said in proposals.items()}
