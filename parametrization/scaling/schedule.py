"""Learning-rate and batch-size schedules as factors, in fractions of training.

Multiplicative on purpose: absolute floors and peaks (`eta_min`, `max_lr`) would set every
parameter group to one value and destroy the ratios between groups that muP needs.
"""

import inspect
import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from string import Template
from typing import Annotated, Any, ClassVar, Final

from parametrization.schedules.declaration import ShapeDeclaration, Stages
from parametrization.schedules.registry import PLUGINS, DeclaredShape, declared_shape

PREVIEW_POINTS: Final = 101
BATCH_INCREMENTS: Final = 8
"""Of a batch's warm-up. Few, because a model is compiled for every size of its batch."""


class ScheduleShape(StrEnum):
    """Names of the most used shapes; `parametrization.schedules` has all."""

    CONSTANT = "constant"
    LINEAR = "linear"
    COSINE = "cosine"
    WSD = "wsd"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Schedule of learning rate and batch in fractions of training."""

    # Read where studies are submitted; the library itself does without pydantic.
    __pydantic_config__: ClassVar[Mapping[str, Any]] = {
        "extra": "forbid",
        "allow_inf_nan": False,
        "use_attribute_docstrings": True,
    }

    shape: Annotated[str, DeclaredShape()] = "linear"
    """Shape of the rate after the warm-up."""
    warmup_fraction: float = field(default=0.1, metadata={"ge": 0, "lt": 1})
    """Share of training spent warming up."""
    decay_fraction: float = field(default=0.2, metadata={"gt": 0, "le": 1})
    """Share of training spent decaying; read by the shapes `wsd` and `wsd_sqrt` alone."""
    final_fraction: float = field(default=0.0, metadata={"ge": 0, "le": 1})
    """Factor on the peak that the decay aims at."""
    warmup_min_steps: int = field(default=0, metadata={"ge": 0, "le": 10_000_000})
    """The warm-up is never shorter than this many updates, however short the training is."""
    numbers: dict[str, float] = field(default_factory=dict, hash=False)
    """Of the shape itself, by name: `{"cycles": 4}`. Default: those of its declaration."""
    batch_warmup_fraction: float = field(default=0.0, metadata={"ge": 0, "lt": 1})
    """Share of training over which the batch grows to its full size, in eight equal increments."""
    batch_start_fraction: float = field(default=0.125, metadata={"gt": 0, "le": 1})
    """Share of the full batch that its warm-up starts from."""
    plugin: str | None = None
    """Package and version that the shape comes from; filled in, null where it is built in."""

    def __post_init__(self) -> None:
        """Complete the shape's numbers.

        Raises:
            ValueError: if there is no such shape, or a number is not one of its own or out of
                range.

        """
        declared = declared_shape(self.shape)
        object.__setattr__(self, "shape", declared.name)
        object.__setattr__(self, "numbers", declared.completed(self.numbers))
        if self.plugin is None:
            object.__setattr__(self, "plugin", PLUGINS.package_of(self.shape))
        if declared.batch_stages and self.batch_warmup_fraction:
            raise ValueError(
                f"batch_warmup_fraction must be 0 where the shape is {self.shape}, which grows the"
                f" batch itself, got {self.batch_warmup_fraction:g}"
            )

    @property
    def declaration(self) -> ShapeDeclaration:
        """Declaration of the schedule's shape."""
        return declared_shape(self.shape)

    def factor(self, step: int, steps: int) -> float:
        """Factor on the peak learning rate for update number `step` (0-based) of `steps`.

        Warm-up is linear and its first update already moves: update 0 of a 10-update warm-up runs
        at 1/10 of the peak. The last update runs just above the final fraction.

        Raises:
            ValueError: if there is no such update.

        >>> [round(Schedule().factor(step, 100), 3) for step in (0, 9, 10, 55)]
        [0.1, 1.0, 1.0, 0.5]

        """
        _require(step, steps)
        warmup = self.warmup_steps(steps)
        if step < warmup:
            return (step + 1) / warmup
        start = self._decay_start(steps)
        if step < start:
            return 1.0
        declared, span = self.declaration, (steps - start) / steps
        falling = declared.fall((step - start) / (steps - start), span, **self.numbers)
        final = self.final_fraction if declared.ends else 0.0
        return final + (1 - final) * falling

    def warmup_steps(self, steps: int) -> int:
        """Updates of the warm-up."""
        return max(math.floor(self.warmup_fraction * steps), min(self.warmup_min_steps, steps))

    def _decay_start(self, steps: int) -> int:
        """The first update of the decay phase; `steps` where the warm-up takes all of them."""
        warmup = self.warmup_steps(steps)
        if not self.declaration.stays:
            return warmup
        return max(warmup, steps - math.ceil(self.decay_fraction * steps))

    @property
    def without_decay(self) -> "Schedule":
        """The same warm-ups, and the peak until the end."""
        return replace(self, shape="constant", numbers={}, plugin=None)

    @property
    def grows_batch(self) -> bool:
        """True if the batch is smaller than the full one at some updates."""
        warms_up = self.batch_warmup_fraction > 0 and self.batch_start_fraction < 1
        return warms_up or self.declaration.batch_stages is not None

    def batch_stages(self, steps: int) -> list[tuple[int, float]]:
        """(First update, share of the full batch) of every stage, ascending.

        >>> Schedule(batch_warmup_fraction=0.5, batch_start_fraction=0.5).batch_stages(16)[:3]
        [(0, 0.5), (1, 0.5625), (2, 0.625)]

        """
        declared = self.declaration
        if declared.batch_stages is not None:
            start = self._decay_start(steps)
            within: Stages = declared.batch_stages(**self.numbers)
            stages = [(start + math.ceil(at * (steps - start)), share) for at, share in within]
            stages[0] = (0, stages[0][1])
        elif self.grows_batch:
            length, low = math.floor(self.batch_warmup_fraction * steps), self.batch_start_fraction
            stages = [
                (math.ceil(n * length / BATCH_INCREMENTS), low + (1 - low) * n / BATCH_INCREMENTS)
                for n in range(BATCH_INCREMENTS + 1)
            ]
        else:
            stages = [(0, 1.0)]
        last_of_each = dict(stages)  # of stages without an update, the last one holds
        return [(first, share) for first, share in last_of_each.items() if first < steps]

    def batch_size(self, step: int, steps: int, full: int, multiple: int = 1) -> int:
        """Examples of update number `step` (0-based) of `steps`.

        Args:
            full: the batch once it has grown.
            multiple: that every batch has to be of: the number of microbatches or of devices.

        Raises:
            ValueError: if there is no such update.

        >>> Schedule("seesaw").batch_size(99, 100, full=32)
        32

        """
        _require(step, steps)
        if not self.grows_batch:
            return full
        share = [share for first, share in self.batch_stages(steps) if first <= step][-1]
        return _rounded(share * full, multiple)

    def examples_before(self, step: int, steps: int, full: int) -> int:
        """Examples that the updates before number `step` see; all of training's for `steps`."""
        stages = self.batch_stages(steps)
        ends = [first for first, _ in stages[1:]] + [steps]
        return sum(
            _rounded(share * full, 1) * (min(end, step) - first)
            for (first, share), end in zip(stages, ends, strict=True)
            if first < step
        )

    def preview(self, steps: int) -> list[tuple[int, float]]:
        """(Update, factor) of at most 101 updates out of `steps`, the first and the last included.

        >>> Schedule(warmup_fraction=0.0).preview(3)
        [(0, 1.0), (1, 0.6666666666666667), (2, 0.33333333333333337)]

        """
        shown = min(steps, PREVIEW_POINTS)
        # Fractions, because a float of 10^18 steps rounds to a step beyond the last.
        gaps = max(1, shown - 1)
        picked = sorted({round(Fraction(i * (steps - 1), gaps)) for i in range(shown)})
        return [(step, self.factor(step, steps)) for step in picked]

    @property
    def words(self) -> str:
        """The schedule for people.

        >>> Schedule(ScheduleShape.WSD).words
        '10 % linear warm-up, constant until the last 20 %, then a linear fall to 0 % of the peak'

        """
        declared = self.declaration
        warmup = f"{_percent(self.warmup_fraction)} linear warm-up"
        if self.warmup_min_steps:
            warmup += f" of at least {self.warmup_min_steps} updates"
        stable = f", constant until the last {_percent(self.decay_fraction)}"
        numbers = ", ".join(f"{name} {value:g}" for name, value in self.numbers.items())
        final = f" to {_percent(self.final_fraction)} of the peak"
        batch = (
            f"; the batch grows from {_percent(self.batch_start_fraction)} of its size over the"
            f" first {_percent(self.batch_warmup_fraction)}"
        )
        return "".join(
            [
                warmup,
                stable if declared.stays else "",
                f", then {declared.spoken}",
                f" ({numbers})" if numbers else "",
                final if declared.ends else "",
                batch if self.batch_warmup_fraction and self.grows_batch else "",
            ]
        )

    @property
    def python_source(self) -> str:
        """Statements that return the factor of update `step` out of `steps`, for generated code.

        They know `math`, and repeat the source of the shape's own function.
        """
        declared = self.declaration
        functions = [textwrap.dedent(inspect.getsource(one)) for one in declared.calls]
        functions.append(textwrap.dedent(inspect.getsource(declared.fall)))
        numbers = "".join(f", {name}={value!r}" for name, value in self.numbers.items())
        statements = _FACTOR.substitute(
            warmup=repr(self.warmup_fraction),
            least=self.warmup_min_steps,
            start=_STABLE.substitute(decay=repr(self.decay_fraction))
            if declared.stays
            else "warmup",
            fall=f"{declared.fall.__name__}(progress, (steps - start) / steps{numbers})",
            final=repr(self.final_fraction if declared.ends else 0.0),
        )
        return "\n".join([*functions, statements])


def average_decay(share: float, steps: int) -> float:
    """Decay of an average of the weights whose memory is a share of training.

    Twice the updates at the same share average the same path: the decay follows the horizon as the
    rule of batch and tokens says, to the power kB/kD.

    >>> round(average_decay(0.1, 1000), 6)
    0.99005

    """
    return math.exp(-1 / (share * steps))


def _require(step: int, steps: int) -> None:
    if not 0 <= step < steps:
        raise ValueError(f"step must be in [0, {steps}), got {step}")


def _rounded(examples: float, multiple: int) -> int:
    return max(multiple, multiple * round(examples / multiple))


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


_STABLE: Final = Template("max(warmup, steps - math.ceil($decay * steps))")
_FACTOR: Final = Template("""\
warmup = max(math.floor($warmup * steps), min($least, steps))
if step < warmup:
    return (step + 1) / warmup
start = $start
if step < start:
    return 1.0
progress = (step - start) / (steps - start)
return $final + (1 - $final) * $fall""")
