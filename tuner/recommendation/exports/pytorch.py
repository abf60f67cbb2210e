"""Write a recommendation as a PyTorch snippet that needs torch alone."""

import textwrap
from collections.abc import Iterator
from string import Template
from typing import Final, Protocol

from parametrization.optimizers.built_in.adam import ADAM, ADAMW
from parametrization.optimizers.built_in.sgd import SGD
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import ScheduleValues, TensorValues
from parametrization.shapes.roles import ModelShape

_IN_TORCH: Final = (ADAM.name, ADAMW.name, SGD.name)


class TrainingNumbers(Protocol):
    """What the snippet is made of: a recommendation's numbers, or a trial's."""

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


class NoSnippet(ValueError):
    """The recommendation cannot be said in PyTorch alone."""

    def __init__(self, optimizer: str) -> None:
        super().__init__(
            f"torch.optim cannot train this as the study did with {optimizer}: the snippet exists"
            f" for {', '.join(_IN_TORCH)}. Fetch the recommendation as json or yaml and apply it"
            " with the widthwise library: Recommendation.from_file(path).apply(model)"
        )


def as_python(recommendation: RecommendationDocument) -> str:
    """A snippet that trains a recommendation's target; see `snippet`.

    Raises:
        NoSnippet: if PyTorch alone has no such optimizer.

    """
    return snippet(recommendation, _heading(recommendation))


def snippet(numbers: TrainingNumbers, heading: list[str]) -> str:
    """A snippet that initialises a model of the target's width and builds what trains it.

    It defines `initialise`, `set_multipliers`, `build_optimizer` and `build_schedule`. A hook
    applies the readout's multiplier to its input, so the readout may be a plain `nn.Linear`. A
    residual multiplier has no such place: modules that add branches take it as an attribute, and a
    model without any is refused.

    Raises:
        NoSnippet: if PyTorch alone has no such optimizer.

    """
    if numbers.optimizer not in _IN_TORCH:
        raise NoSnippet(numbers.optimizer)
    schedule = numbers.schedule
    return _SNIPPET.substitute(
        heading=_comment(heading),
        tensors="\n".join(_rows(numbers)),
        optimizer=_torch_optimizer(numbers),
        epsilon=', "eps": eps' if numbers.tensors[0].epsilon is not None else "",
        steps=schedule.steps,
        factor=textwrap.indent(schedule.form.python_source, " " * 8),
        clipping=_clipping(numbers.gradient_clip_norm),
        branches=_BRANCHES.substitute(multiplier=repr(numbers.residual_multiplier))
        if numbers.residual_multiplier != 1
        else "",
    )


def _heading(recommendation: RecommendationDocument) -> list[str]:
    return [
        f"{recommendation.headline}.",
        f"Widthwise: {recommendation.optimizer} under {recommendation.parametrization} at width"
        f" {recommendation.width}, {recommendation.width_multiplier:g}x the base width"
        f" {recommendation.base_width}; study {recommendation.study_id},"
        f" {recommendation.provenance.rule_version}.",
        *(f"- {reason.severity}: {reason.words}" for reason in recommendation.reasons),
        "Peak learning rates of all tensors are below. They follow by the rules from"
        f" {recommendation.learning_rate.words}.",
    ]


def _comment(paragraphs: list[str]) -> str:
    return "\n".join(
        line
        for paragraph in paragraphs
        for line in textwrap.wrap(
            paragraph,  # wrapping also turns a line break in a stored text into a space
            width=96,
            initial_indent="# ",
            subsequent_indent="#   ",
        )
    )


def _rows(numbers: TrainingNumbers) -> Iterator[str]:
    """One line a tensor, in the model's order: draws from one seed are then the library's."""
    values = {name: at for at in numbers.tensors for name in at.names}
    for tensor in numbers.base_shapes.tensors:
        at = values[tensor.name]
        start = (at.init_std, at.constant, at.multiplier)
        training = (at.learning_rate, at.weight_decay, at.epsilon)
        yield f"    {tensor.name!r}: {(*start, *training)!r},"


def _torch_optimizer(numbers: TrainingNumbers) -> str:
    given = numbers.tensors[0].others  # the target's: batch and tokens change them
    if numbers.optimizer == SGD.name:
        return f"torch.optim.SGD(listed, momentum={given['momentum']!r})"
    name = {ADAM.name: "Adam", ADAMW.name: "AdamW"}[numbers.optimizer]
    return f"torch.optim.{name}(listed, betas=({given['beta1']!r}, {given['beta2']!r}))"


def _clipping(norm: float | None) -> str:
    if norm is None:
        return (
            "# The proxies trained without gradient clipping: switch off what a trainer does by\n"
            "# default (Hugging Face's clips at 1.0: max_grad_norm=0)."
        )
    return (
        "# Before every optimizer.step():\n"
        f"# torch.nn.utils.clip_grad_norm_(model.parameters(), {norm!r})"
    )


_BRANCHES: Final = Template("""\
    # The target is deeper than the proxies: every residual branch is multiplied.
    blocks = [module for module in model.modules() if hasattr(module, "residual_multiplier")]
    if not blocks:
        raise ValueError(
            "residual branches take a multiplier here: give every module that adds branches an"
            " attribute residual_multiplier, and have it compute x + residual_multiplier * f(x)"
        )
    for block in blocks:
        block.residual_multiplier = $multiplier
""")

_SNIPPET: Final = Template('''\
$heading
import math

import torch

# name: (initial std, or None for the constant that follows, None twice for the model's own start;
#        multiplier of the layer's input; peak learning rate, weight decay, epsilon)
TENSORS = {
$tensors
}
STEPS = $steps


def initialise(model, seed=0):
    """Draw every tensor, then set the multipliers."""
    generator = torch.Generator().manual_seed(seed)
    parameters = dict(model.named_parameters())
    if parameters.keys() != TENSORS.keys():
        raise ValueError(f"another model: {sorted(parameters.keys() ^ TENSORS.keys())}")
    with torch.no_grad():
        for name, (std, constant, *_) in TENSORS.items():
            if std is None and constant is None:
                continue
            start = torch.empty(parameters[name].shape)
            if std is None:
                start.fill_(constant)
            else:
                start.normal_(std=std, generator=generator)
            parameters[name].copy_(start)
    set_multipliers(model)


def set_multipliers(model):
    """Scale the readout's input; alone, for weights that are loaded from a file. Call it once."""
    for name, (_, _, multiplier, *_) in TENSORS.items():
        if multiplier != 1:
            readout = owner = model.get_submodule(name.rpartition(".")[0])
            if isinstance(owner, torch.nn.Embedding):  # tied: another layer reads its table
                others = (layer for layer in model.modules() if layer is not owner)
                holds = (at for at in others if getattr(at, "weight", None) is owner.weight)
                readout = next(holds, None)
            if readout is None:
                raise ValueError(f"no layer shares {name}: multiply its readout by {multiplier}")
            readout.register_forward_pre_hook(
                lambda layer, inputs, factor=multiplier: (factor * inputs[0], *inputs[1:])
            )
$branches

def build_optimizer(model):
    """One parameter group for each set of equal numbers."""
    groups = {}
    for name, parameter in model.named_parameters():
        groups.setdefault(TENSORS[name][3:], []).append(parameter)
    listed = [
        {"params": params, "lr": lr, "weight_decay": weight_decay$epsilon}
        for (lr, weight_decay, eps), params in groups.items()
    ]
    return $optimizer


def build_schedule(optimizer, steps=STEPS):
    """Multiplies every group's rate; schedulers with absolute floors would break their ratios."""

    def factor(step):
        step = min(step, steps - 1)
$factor

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


$clipping
''')
