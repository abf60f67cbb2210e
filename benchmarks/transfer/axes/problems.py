"""The problems whose learning rates are swept over depth, batch and tokens."""

from typing import Final, Literal, NamedTuple

from benchmarks.report import RESULTS
from parametrization.optimizers.lookup import horizon_row
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from tuner.engine.orders import ModelSpec
from tuner.spec.datasets.dataset import Dataset
from tuner.spec.datasets.stdlib_text import StdlibText
from tuner.spec.families.gpt import Gpt
from tuner.spec.study_fields import Training

BANK: Final = RESULTS / "axis_bank"
Axis = Literal["depth", "batch", "tokens"]


class AxisProblem(NamedTuple):
    """One table; the first value is the base, the last one the target."""

    axis: Axis
    family: Gpt
    dataset: Dataset
    optimizer: str
    width: int
    training: Training
    """At the base."""
    values: tuple[int, int, int, int]
    """Depths, batches or tokens."""
    log2_rates: tuple[int, int]
    """Ends of the rates, half an octave apart."""

    def at(self, value: int) -> tuple[ModelSpec, Training]:
        """The model and training of one value, under the rules as far as they cover it."""
        batch, steps, depth = self.training.batch_size, self.training.steps, self.family.depth
        per_example = self.family.tokens_per_example
        if self.axis == "depth":
            depth = value
        elif self.axis == "batch":
            batch, steps = value, round(steps * batch / value)
        else:
            steps = round(value / (batch * per_example))
        ratio = value / self.values[0]
        mults = {"batch": 1.0, "tokens": 1.0} | ({} if self.axis == "depth" else {self.axis: ratio})
        mults = mults if self._covers(**mults) else {"batch": 1.0, "tokens": 1.0}
        model = ModelSpec(
            family=self.family.model_copy(update={"depth": depth}),
            dataset=self.dataset,
            width=self.width,
            base_width=self.width,
            parametrization=Parametrization.MUP,
            base_depth=self.family.depth,
            batch_multiplier=mults["batch"],
            token_multiplier=mults["tokens"],
        )
        sizes = {"batch_size": batch, "steps": steps}
        return model, self.training.model_copy(update=sizes)

    def _covers(self, batch: float, tokens: float) -> bool:
        try:
            horizon_row(Policies().horizon_rule, self.optimizer, batch, tokens)
        except ValueError:
            return False
        return True


_TEXT: Final = StdlibText(name="stdlib-text")
"""Read once, also by the longest of these runs: a model that sees its data again memorises it, and
the loss of that says nothing of a longer run."""
_GPT: Final = Gpt(name="gpt", depth=1, head_size=8, context=16)


def _gpt(axis: Axis, optimizer: str, rates: tuple[int, int]) -> AxisProblem:
    steps, batch = {"depth": (60, 8), "tokens": (40, 8), "batch": (640, 4)}[axis]
    first = {"depth": 1, "tokens": steps * batch * _GPT.context, "batch": batch}[axis]
    last = {"depth": 16, "tokens": 32, "batch": 16}[axis]
    values = (first, 2 * first, 4 * first, last * first)
    training = Training(steps=steps, batch_size=batch)
    return AxisProblem(axis, _GPT, _TEXT, optimizer, 16, training, values, rates)


PROBLEMS: Final[dict[str, AxisProblem]] = {
    "depth-gpt-adamw": _gpt("depth", "adamw", (-8, -1)),
    "tokens-gpt-adamw": _gpt("tokens", "adamw", (-8, 0)),
    "batch-gpt-adamw": _gpt("batch", "adamw", (-9, -2)),
}
"""By name, in the order in which they are trained."""
