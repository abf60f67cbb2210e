"""A recommendation as text for a terminal."""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.evidence import TransferEvidence
from parametrization.recommendation.values import ScheduleValues, TensorValues
from parametrization.rules.parametrization import Parametrization
from parametrization.text.rounding import percent, share_of_training, significant

VERDICT_STYLES: Final = {
    "in_progress": "bold cyan",
    "recommend": "bold green",
    "caution": "bold yellow",
    "abstain": "bold red",
}
_OPTIMIZER_COLUMNS: Final[Mapping[str, Callable[[TensorValues], float | None]]] = {
    "decay": lambda tensor: tensor.weight_decay,
    "epsilon": lambda tensor: tensor.epsilon,
}
_CONTROLS: Final = {Parametrization.SP: "SP", Parametrization.SP_EMBEDDING: "SP+embedding"}
_FILE_COLUMNS: Final = 110


def recommendation_view(document: RecommendationDocument) -> RenderableType:
    """Verdict and reasons, the rate with its interval, every tensor's numbers, the evidence."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(ratio=1)
    for name, words in _facts(document):
        facts.add_row(name, words)
    return Group(*_verdict(document), "", facts, "", _tensors(document))


def as_text(view: RenderableType) -> str:
    """The view without colours, for a file."""
    console = Console(file=io.StringIO(), width=_FILE_COLUMNS, color_system=None)
    with console.capture() as capture:
        console.print(view)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _verdict(document: RecommendationDocument) -> Iterator[RenderableType]:
    said, colon, rest = document.headline.partition(":")
    yield Text.assemble((said, VERDICT_STYLES[document.verdict]), colon, rest)
    for reason in document.reasons:
        if document.verdict == "in_progress":  # nothing is judged before the study has ended
            yield Text(f"  open so far: {reason.words}")
        else:
            yield Text.assemble(
                (f"  {reason.severity}: ", VERDICT_STYLES[reason.severity]), reason.words
            )


def _facts(document: RecommendationDocument) -> Iterator[tuple[str, str]]:
    rate = document.learning_rate
    yield "rate tuned", rate.words
    if rate.predicted_regret_percent is not None:
        yield (
            "expected cost",
            f"{percent(rate.predicted_regret_percent)} of loss, averaged over the interval",
        )
    loss = rate.predicted_loss
    if loss is not None:
        yield "expected loss", loss.words
    yield "schedule", _schedule(document.schedule)
    if searched := document.searched_training:
        named = ", ".join(f"{one.name} {_told(one.value)}" for one in searched)
        yield "searched too", f"{named}: {searched[0].words}"
    if document.residual_multiplier != 1:
        yield "residual branches", f"x + {document.residual_multiplier:.4g} f(x)"
    yield from _updates(document)
    yield from _shared(document)
    yield "loss is", document.compared_by.words
    yield "μP measured", _evidence(document.evidence)
    if document.control is not None:
        yield f"{_CONTROLS[document.control.parametrization]} measured", _evidence(document.control)
    if document.check is not None:
        yield "check", document.check.summary
    cost = document.cost
    yield "tuning cost", f"{cost.trials} trials, {share_of_training(cost.share_percent)}"
    if cost.measuring_end is not None:
        yield "measured until", cost.measuring_end.words


def _told(value: float | str | None) -> str:
    return "none" if value is None else value if isinstance(value, str) else f"{value:.4g}"


def _updates(document: RecommendationDocument) -> Iterator[tuple[str, str]]:
    """Clipping and weight averaging."""
    if document.gradient_clip_norm is not None:
        yield "clipping", f"gradient norm at {document.gradient_clip_norm:g}"
    if document.gradient_clip_value is not None:
        yield "clipping", f"entries of the gradient at {document.gradient_clip_value:g}"
    if document.gradient_clip_percentile is not None:
        percentile = document.gradient_clip_percentile
        yield "clipping", f"gradient norm at percentile {percentile:g} of the 512 updates before"
    if document.weight_average is not None:
        yield "weights", f"evaluate their average, decay {document.weight_average.decay:.7g}"


def _shared(document: RecommendationDocument) -> Iterator[tuple[str, str]]:
    """Hyperparameters that are one number for the whole model."""
    groups = document.groups
    memories = {
        "beta1": [group.beta1 for group in groups],
        "beta2": [group.beta2 for group in groups],
        "momentum": [group.momentum for group in groups],
    }
    for name, given in memories.items():
        values = {value for value in given if value is not None}
        if values:
            yield name, " or ".join(f"{value:.6g}" for value in sorted(values))
    for name in _OPTIMIZER_COLUMNS:
        if value := _same(document, name):
            yield name, value


def _schedule(schedule: ScheduleValues) -> str:
    return f"{schedule.steps:,} steps: {schedule.form.words}"


def _evidence(evidence: TransferEvidence) -> str:
    if evidence.shift_octaves is None:
        return "too few widths measured to see the optimum move"
    widest = evidence.optima[-1].width
    words = (
        f"the optimum moves {evidence.shift_octaves:+.2f} octaves"
        f" from width {evidence.proxy_width} to {widest}"
    )
    regret = evidence.proxy_regret
    if regret is None:
        return words
    if regret.regret_percent is None:
        return f"{words}; at the narrow one's rate the wide one diverges"
    bound = "at least " if regret.at_least else ""
    cost = percent(regret.regret_percent)
    return f"{words}; the narrow one's rate costs the wide one {bound}{cost}"


def _tensors(document: RecommendationDocument) -> Table:
    """Every tensor's numbers; a column that is equal for all of them is among the facts."""
    varying = [name for name in _OPTIMIZER_COLUMNS if _same(document, name) is None]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("parameters", overflow="fold", ratio=1)
    table.add_column("role", no_wrap=True)
    for column in ["peak learning rate", *varying, "init std", "multiplier"]:
        table.add_column(column, no_wrap=True, justify="right")
    for tensor in document.tensors:
        others = [_OPTIMIZER_COLUMNS[name](tensor) for name in varying]
        table.add_row(
            Text(tensor.pattern),
            tensor.role,
            significant(tensor.learning_rate, document.learning_rate.digits),
            *("none" if at is None else f"{at:.3g}" for at in others),
            _start(tensor),
            f"{tensor.multiplier:.4g}",
        )
    return table


def _start(tensor: TensorValues) -> str:
    if tensor.init_std is not None:
        return f"{tensor.init_std:.4g}"
    return "the model's" if tensor.constant is None else f"= {tensor.constant:g}"


def _same(document: RecommendationDocument, name: str) -> str | None:
    """The value that all tensors share, in words; None if they differ."""
    values = set(map(_OPTIMIZER_COLUMNS[name], document.tensors))
    if len(values) > 1:
        return None
    (value,) = values
    return "" if value is None else f"{value:.3g}"
