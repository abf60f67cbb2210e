"""Write a recommendation as a PyTorch snippet, for any optimizer.

Those that torch.optim has need torch alone; the others are stepped by the widthwise library.
"""

import textwrap
from collections.abc import Iterator
from typing import Final, Protocol

from parametrization.optimizers.built_in.adam import ADAM, ADAMW
from parametrization.optimizers.built_in.sgd import SGD, SGD_NESTEROV
from parametrization.optimizers.registry import OPTIMIZERS
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import ScheduleValues, TensorValues
from parametrization.shapes.roles import ModelShape
from tuner.recommendation.exports.frameworks.torch_snippet import (
    BRANCHES,
    IN_TORCH_OPTIM,
    SNIPPET,
    STEPPED_BY_THE_LIBRARY,
)
from tuner.recommendation.exports.protocol.export import (
    Export,
    Files,
    Inexpressible,
    Reading,
    Refused,
)
from tuner.recommendation.exports.protocol.plain_forward import lost_in_the_loop
from tuner.recommendation.exports.protocol.python_files import (
    PYTHON,
    comment,
    factor_in,
    factor_source,
    heading_of,
    literals,
)
from tuner.recommendation.exports.protocol.selectors import as_regex, by_pattern
from tuner.recommendation.exports.protocol.tables import reading_of_patterns

FILE: Final = "train_target.py"
_IN_TORCH: Final = {
    ADAM.name: "torch.optim.Adam(listed, betas=({beta1!r}, {beta2!r}))",
    ADAMW.name: "torch.optim.AdamW(listed, betas=({beta1!r}, {beta2!r}))",
    SGD.name: "torch.optim.SGD(listed, momentum={momentum!r})",
    SGD_NESTEROV.name: "torch.optim.SGD(listed, momentum={momentum!r}, nesterov=True)",
}
"""Classes of torch.optim that take every number of the optimizer."""


class TrainingNumbers(Protocol):
    """Numbers of the snippet, from a recommendation or a trial."""

    @property
    def optimizer(self) -> str: ...
    @property
    def tensors(self) -> tuple[TensorValues, ...]: ...
    @property
    def base_shapes(self) -> ModelShape: ...
    @property
    def schedule(self) -> ScheduleValues: ...
    @property
    def residual_multiplier(self) -> float: ...
    @property
    def gradient_clip_norm(self) -> float | None: ...
    @property
    def gradient_clip_value(self) -> float | None: ...
    @property
    def gradient_clip_percentile(self) -> float | None: ...


class NoSnippet(Refused):
    """No package here declares an optimizer that trains one of the tensors."""

    def __init__(self, optimizer: str) -> None:
        super().__init__(
            f"no package here declares the optimizer {optimizer}: install the one that the study's"
            " service has, or name another optimizer of the study"
        )


def as_python(recommendation: RecommendationDocument) -> str:
    """A snippet that trains a recommendation's target; see `snippet`.

    Raises:
        NoSnippet: if an optimizer is not declared here.

    """
    return snippet(recommendation, heading_of(recommendation))


def snippet(numbers: TrainingNumbers, heading: list[str]) -> str:
    """A snippet that initialises a model of the target's width and builds what trains it.

    It defines `initialise`, `set_multipliers`, `build_optimizer` and `build_schedule`. Its table
    names tensors by patterns, which the reader may change to those of a model of other names. A
    hook applies the readout's multiplier to its input, so the readout may be a plain `nn.Linear`.
    A residual multiplier has no such place: modules that add branches take it as an attribute, and
    a model without any is refused.

    Raises:
        NoSnippet: if an optimizer is not declared here.

    """
    names = {row.optimizer for row in numbers.tensors}
    if missing := sorted(names - OPTIMIZERS.keys()):
        raise NoSnippet(missing[0])
    rows = by_pattern(numbers.tensors)
    torch_alone = len(names) == 1 and names <= _IN_TORCH.keys()
    return SNIPPET.substitute(
        heading=comment(heading),
        tensors="\n".join(_row(row) for row in rows),
        factor=factor_source(numbers.schedule).rstrip(),
        optimizer=_in_torch(numbers) if torch_alone else _by_library(numbers, rows),
        clipping=_clipping(numbers),
        branches=BRANCHES.substitute(multiplier=repr(numbers.residual_multiplier))
        if numbers.residual_multiplier != 1
        else "",
    )


def _row(row: TensorValues) -> str:
    start = (row.init_std, row.constant, row.multiplier)
    training = (row.learning_rate, row.weight_decay, row.epsilon)
    return f"    {row.pattern!r}: {(*start, *training, len(row.names))!r},"


def _in_torch(numbers: TrainingNumbers) -> str:
    first = numbers.tensors[0]  # betas are the target's and the same everywhere
    return IN_TORCH_OPTIM.substitute(
        epsilon=', "eps": eps' if first.epsilon is not None else "",
        optimizer=_IN_TORCH[first.optimizer].format(**first.others),
    )


def _by_library(numbers: TrainingNumbers, rows: tuple[TensorValues, ...]) -> str:
    layouts = {tensor.name: tuple(tensor.layout) for tensor in numbers.base_shapes.tensors}
    table = "\n".join(
        f"    {row.pattern!r}: "
        f"{(row.optimizer, str(row.role), dict(row.others), layouts[row.names[0]])!r},"
        for row in rows
    )
    notes = "\n".join(comment([words]) for words in _of_the_step(numbers))
    return STEPPED_BY_THE_LIBRARY.substitute(
        table=table, notes=textwrap.indent(notes, " " * 4) or "    # Needs: pip install widthwise"
    )


def _of_the_step(numbers: TrainingNumbers) -> Iterator[str]:
    """Code that a loop needs beside `optimizer.step()`."""
    declared = [OPTIMIZERS[name] for name in sorted({row.optimizer for row in numbers.tensors})]
    if any(one.takes_layer_signals for one in declared):
        yield (
            "Compute the gradients of every step inside"
            " `with parametrization.nn.stepping.recording(optimizer):`"
        )
    if any(one.evaluation_point for one in declared):
        yield "Validate and export inside `with parametrization.nn.stepping.evaluating(optimizer):`"


def _clipping(numbers: TrainingNumbers) -> str:
    before = "# Before every optimizer.step():\n"
    if (norm := numbers.gradient_clip_norm) is not None:
        return f"{before}# torch.nn.utils.clip_grad_norm_(model.parameters(), {norm!r})"
    if (value := numbers.gradient_clip_value) is not None:
        return f"{before}# torch.nn.utils.clip_grad_value_(model.parameters(), {value!r})"
    if (percentile := numbers.gradient_clip_percentile) is not None:
        return (
            f"{before}# clip the global norm at the percentile {percentile!r} of the norms of the"
            " 512 updates before."
        )
    return (
        "# The proxies trained without gradient clipping: switch off what a trainer does by\n"
        "# default (Hugging Face's clips at 1.0: max_grad_norm=0)."
    )


def read(files: Files) -> Reading:
    """The table of a snippet, and its schedule."""
    (text,) = files.values()
    table = {as_regex(pattern): row for pattern, row in literals(text)["TENSORS"].items()}
    return reading_of_patterns(table, factor_in(text))


def _render(document: RecommendationDocument) -> Files:
    return {FILE: as_python(document)}


def _inexpressible(document: RecommendationDocument) -> tuple[Inexpressible, ...]:
    _render(document)
    return lost_in_the_loop(document)


EXPORT: Final = Export(
    name="torch",
    words="A PyTorch snippet: initial tensors, multipliers, parameter groups, schedule",
    media_type=PYTHON,
    render=_render,
    inexpressible=_inexpressible,
    read=read,
    aliases=("python",),
)
