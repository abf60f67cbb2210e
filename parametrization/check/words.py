"""Describe slopes of a coordinate check and their usual causes, as rows of data."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from parametrization.optimizers.registry import PLUGINS, declared
from parametrization.shapes.roles import Role


class Statistic(StrEnum):
    UPDATE = "update"  # D: dW(t) x(t)
    PROPAGATION = "propagation"  # P: W(0) (x(t) - x(0))
    INITIAL = "initial size"  # W(0) times its forward multiplier
    ALIGNED = "aligned update"  # the part of D that is no random sum; judged where D falls


class _Cause(NamedTuple):
    statistic: Statistic
    role: Role
    grows: bool
    words: str  # {power}: how far off, in powers of width


UPDATE, PROPAGATION, INITIAL = Statistic.UPDATE, Statistic.PROPAGATION, Statistic.INITIAL
INPUT, HIDDEN, OUTPUT = Role.INPUT, Role.HIDDEN, Role.OUTPUT
_ADAM_CAUSES: Final = (
    _Cause(
        UPDATE,
        INPUT,
        True,
        "a learning rate that grows by {power}; it must not change (or, of a tensor that is summed"
        " over a dimension that grows, a fan_in_axis that was not declared)",
    ),
    _Cause(UPDATE, INPUT, False, "a learning rate that falls by {power}; it must not change"),
    _Cause(UPDATE, HIDDEN, True, "a missing 1/{fan_in} learning rate"),
    _Cause(UPDATE, HIDDEN, False, "a learning rate divided by {fan_in} once too often"),
    _Cause(UPDATE, OUTPUT, True, "a missing 1/{fan_in} readout multiplier"),
    _Cause(UPDATE, OUTPUT, False, "a readout scaled by 1/{fan_in} once too often"),
)
_SGD_CAUSES: Final = (
    _Cause(
        UPDATE,
        INPUT,
        True,
        "gradients that grow: a missing 1/fan_in readout multiplier or too large an initial std",
    ),
    _Cause(
        UPDATE,
        INPUT,
        False,
        "a learning rate that does not grow like m, or gradients that shrink with the initial std",
    ),
    _Cause(UPDATE, HIDDEN, True, "a learning rate or backward signal too large by {power}"),
    _Cause(UPDATE, HIDDEN, False, "a learning rate or backward signal too small by {power}"),
    _Cause(UPDATE, OUTPUT, True, "a missing 1/{fan_in} readout multiplier"),
    _Cause(UPDATE, OUTPUT, False, "a readout learning rate that does not grow like m"),
)
_INITIAL_CAUSES: Final = (
    _Cause(PROPAGATION, HIDDEN, True, "an initial std too large by {power}"),
    _Cause(PROPAGATION, HIDDEN, False, "an initial std too small by {power}"),
    _Cause(PROPAGATION, OUTPUT, True, "a readout's initial std that grows with width"),
    _Cause(PROPAGATION, OUTPUT, False, "a readout's initial std that shrinks with width"),
    _Cause(INITIAL, INPUT, True, "an initial std too large by {power}"),
    _Cause(INITIAL, INPUT, False, "an initial std too small by {power}"),
    _Cause(INITIAL, HIDDEN, True, "an initial std too large by {power}"),
    _Cause(INITIAL, HIDDEN, False, "an initial std too small by {power}"),
    _Cause(
        INITIAL, OUTPUT, True, "a readout's initial std, or its multiplier, too large by {power}"
    ),
    _Cause(
        INITIAL, OUTPUT, False, "a readout's initial std, or its multiplier, too small by {power}"
    ),
)
_GRADIENT_SIZED: Final = _SGD_CAUSES + _INITIAL_CAUSES
_GRADIENT_FREE: Final = _ADAM_CAUSES + _INITIAL_CAUSES

EPSILON: Final = "an epsilon that does not shrink with the gradients: it must scale like 1/m"
LOGITS_GROW: Final = (
    "attention scaled by 1/sqrt(head size) while the head size grows: multiply q k by sqrt(base"
    " head size) / head size"
)
LOGITS_FALL: Final = "attention logits divided by the head size once too often"
TABLE_WITHOUT_MULTIPLIER: Final = (
    "a table that is read as logits and has no readout multiplier: read it by a"
    " parametrization.nn.layers.TiedReadout"
)
WEIGHT_WITHOUT_MULTIPLIER: Final = (
    "a weight that is read a second time, by a sum over its wide dimension, and has no readout"
    " multiplier there: multiply what that gives by base width / width"
)
FACTOR_AFTER_READOUT: Final = (
    "a factor after the readout that falls with width, on top of the readout's own multiplier:"
    " leave it out of the forward pass and the loss, or keep it at its value in the base model"
)
OUTPUT_WITHOUT_READOUT: Final = (
    "a sum over a wide dimension that gives the output in no tensor declared Role.OUTPUT: declare"
    " the one that gives it, read a table by a parametrization.nn.layers.TiedReadout, or multiply a"
    " product of activations by base width / width"
)
PRODUCT_GROWS: Final = "an output that is a product of wide activations without a factor of 1/width"
PRODUCT_FALLS: Final = (
    "an output that starts as a product of several maps to a fixed size, each of which falls with"
    " width: give all but one Role.GQA_KV, which starts at 1/sqrt(fan_in)"
)
SATURATED_LOGITS: Final = (
    "saturated logits: their rms is {rms:.1f} at step 0, so that the softmax is one class or"
    " another and gradients vanish; lower the output multiplier or the readout's initial std"
)
VANISHING_BOTTLENECK: Final = (
    "an input that vanishes as {name} starts at 1/fan_in, as a fixed bottleneck's rule has it: let"
    " it grow with width, or put a norm after it and give it Role.GQA_KV, which starts at"
    " 1/sqrt(fan_in); keys, values and what a state space selects by (B, C and its time step) are"
    " Role.GQA_KV without a norm"
)
BOTTLENECK_AS_READOUT: Final = (
    "{name} in the place of a readout: no tensor of the model is an output with a forward"
    " multiplier; declare the one that gives the output Role.OUTPUT"
)
INPUT_MULTIPLIED: Final = (
    "a multiplier that {does} with width between the embedding and the first block, as"
    " sqrt(width): make it a constant"
)
BLOCK_OUTPUT_CHANGES: Final = (
    "a factor in a block's forward that {does} with width: no tensor's initial size does"
)
STREAM_GROWS: Final = "a missing 1/depth multiplier on the residual branches"
STREAM_FALLS: Final = "residual branches divided by depth once too often"
UNSETTLED: Final = (
    "a map to a fixed number of key and value heads, or to a bottleneck declared as one, has no"
    " clean initialisation; let it grow with width"
)
DISAGREE: Final = "seeds disagree"
BETWEEN: Final = "between right and wrong"
UNALIGNED: Final = (
    "as a random sum does: what its updates have in common is too little to judge at these widths;"
    " wider models may tell"
)
MORE_MAY_TELL: Final = "; more seeds or widths may tell"
DEPTH_INITIAL: Final = "an initial std that depends on depth: the branch multiplier does that"
DEPTH_UPDATE_GROWS: Final = "a learning rate that grows with depth once too often"
DEPTH_UPDATE_FALLS: Final = {
    True: "a learning rate that does not grow like depth, as SGD needs behind a 1/depth branch",
    False: "a learning rate divided by depth on top of the branch multiplier",
}
"""By whether the update is of the gradient's size."""


def sized_by_gradient(optimizer: str) -> bool:
    """True if a gradient twice as large makes a step twice as large."""
    return declared(optimizer).step.degree > 0


def cause(optimizer: str, statistic: Statistic, role: Role, slope: float) -> str:
    """The likely cause of a statistic of this role that grows (or falls, for a negative slope).

    >>> cause("adamw", Statistic.UPDATE, Role.HIDDEN, 0.98)
    'a missing 1/fan_in learning rate'
    >>> cause("adamw", Statistic.UPDATE, Role.HIDDEN, 0.49)
    'a missing 1/sqrt(fan_in) learning rate'
    """
    half = abs(slope) < 0.75
    row = next(
        row
        for row in (_GRADIENT_SIZED if sized_by_gradient(optimizer) else _GRADIENT_FREE)
        if (row.statistic, row.role, row.grows) == (statistic, _judged_as(role), slope > 0)
    )
    return row.words.format(
        fan_in="sqrt(fan_in)" if half else "fan_in",
        power="sqrt(width)" if half else "width" if abs(slope) < 1.5 else "width^2",
    )


def _judged_as(role: Role) -> Role:
    """Vectors and scalars move with the learning rate alone, as input tensors do."""
    if role in (Role.OUTPUT, Role.MOE_ROUTER):
        return Role.OUTPUT
    return HIDDEN if role in (HIDDEN, Role.FIXED_BOTTLENECK, Role.GQA_KV) else INPUT


def doubt(statistic: Statistic, role: Role, *, seeds_disagree: bool) -> str:
    """The reason why a slope decides nothing."""
    if role is Role.GQA_KV and statistic is Statistic.PROPAGATION:
        return UNSETTLED
    return DISAGREE if seeds_disagree else BETWEEN


def growth(slope: float, axis: str = "width") -> str:
    """A slope in words.

    >>> growth(0.98)
    'grows like width^0.98'
    """
    return f"{'grows' if slope > 0 else 'falls'} like {axis}^{slope:.2f}"


def with_origin(optimizer: str) -> str:
    """The optimizer's name and, if it is a plugin's, what its rates were derived from."""
    if optimizer not in PLUGINS.usable:
        return optimizer
    declaration, package = PLUGINS.usable[optimizer]
    step = declaration.step
    return f"{optimizer}, of degree {step.degree:g} by {step.kind} as {package} declares"


def summarise(
    failed: Sequence[str],
    undecided: Sequence[str],
    measured: str,
    families: int,
    frozen: Sequence[str] = (),
) -> str:
    """The verdict on all tensors in one paragraph.

    Args:
        failed: words on each tensor whose rule is wrong, the likely causes first.
        undecided: words on each tensor between right and wrong, or that did not move.
        measured: widths, seeds and optimizer.
        families: number of tensors judged, like tensors of blocks counted once.
        frozen: tensors that are not trained, and not judged.

    """
    beside = f"; frozen, not checked: {', '.join(frozen)}" if frozen else ""
    if failed:
        return f"failed ({measured}): {'; '.join(failed)}{beside}"
    if undecided:
        unsure = any(text.endswith((BETWEEN, DISAGREE)) for text in undecided)
        remedy = MORE_MAY_TELL if unsure else ""
        return f"inconclusive ({measured}): {'; '.join(undecided)}{remedy}{beside}"
    fit = f"passed: updates and initialisation of all {families} tensors fit ({measured})"
    return f"{fit}{beside}"
