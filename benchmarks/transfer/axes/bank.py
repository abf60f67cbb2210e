"""Train dense learning-rate sweeps over depth, batch and tokens, one table a problem.

    python -m benchmarks.transfer.axes.bank [--problem NAME ...] [--again]

Each problem moves one axis at one width: three values that a study measures, the first of which is
the base, and a target 8 times beyond them in tokens, 4 times in batch and depth. Trials train under
the default rules, as those of a study's sweep do, and rates are at the base. Columns: problem,
value, log2lr, seed, loss (empty: diverged). Tables that are there already are left alone, unless
they are to be trained `--again`.
"""

import csv
import gzip
import io
from pathlib import Path
from typing import Final, Literal, NamedTuple

import torch

from benchmarks.report import RESULTS, command_line, give
from benchmarks.transfer.rate_sweeps import trained_losses
from parametrization.optimizers.lookup import horizon_row
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from tuner.engine.orders import ModelSpec
from tuner.spec.datasets.dataset import Dataset
from tuner.spec.datasets.digits import Digits
from tuner.spec.datasets.stdlib_text import StdlibText
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.study_fields import Training
from workers.cohort.programs import Programs

BANK: Final = RESULTS / "axis_bank"
COLUMNS: Final = ("problem", "value", "log2lr", "seed", "loss")
HALF_OCTAVE: Final = 0.5
SEEDS: Final = 4
Axis = Literal["depth", "batch", "tokens"]


class AxisProblem(NamedTuple):
    """One table; the first value is the base, the last one the target."""

    axis: Axis
    family: Mlp | Gpt
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


_DIGITS: Final = Digits(name="digits")
_TEXT: Final = StdlibText(name="stdlib-text")
_MLP: Final = Mlp(name="mlp", depth=3)
_GPT: Final = Gpt(name="gpt", depth=1, head_size=8, context=16)


def _mlp(axis: Axis, optimizer: str, rates: tuple[int, int]) -> AxisProblem:
    steps, batch = (40, 32) if axis == "tokens" else (640, 16)
    first = steps * batch if axis == "tokens" else batch
    factors = (1, 2, 4, 32 if axis == "tokens" else 16)
    values = (first, *(first * by for by in factors[1:]))
    training = Training(steps=steps, batch_size=batch)
    return AxisProblem(axis, _MLP, _DIGITS, optimizer, 32, training, values, rates)


def _gpt(axis: Axis, optimizer: str, rates: tuple[int, int]) -> AxisProblem:
    training = Training(steps=40, batch_size=8)
    first = 40 * 8 * 16
    values = (1, 2, 4, 16) if axis == "depth" else (first, 2 * first, 4 * first, 32 * first)
    return AxisProblem(axis, _GPT, _TEXT, optimizer, 16, training, values, rates)


PROBLEMS: Final[dict[str, AxisProblem]] = {
    "tokens-mlp-adamw": _mlp("tokens", "adamw", (-9, -1)),
    "tokens-mlp-lion": _mlp("tokens", "lion", (-10, -2)),
    "tokens-mlp-sgd": _mlp("tokens", "sgd", (-7, 1)),
    "batch-mlp-adamw": _mlp("batch", "adamw", (-10, -2)),
    "batch-mlp-lion": _mlp("batch", "lion", (-11, -3)),
    "batch-mlp-sgd": _mlp("batch", "sgd", (-8, 1)),
    "depth-gpt-adamw": _gpt("depth", "adamw", (-8, -1)),
    "depth-gpt-lion": _gpt("depth", "lion", (-10, -3)),
    "tokens-gpt-adamw": _gpt("tokens", "adamw", (-8, 0)),
}


def train(path: Path, name: str) -> None:
    """Train every run of a table and write it; equal tables are equal files."""
    problem, programs = PROBLEMS[name], Programs()
    low, high = problem.log2_rates
    rates = [low + step * HALF_OCTAVE for step in range(round((high - low) / HALF_OCTAVE) + 1)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for value in problem.values:
        model, training = problem.at(value)
        of_seeds = [
            trained_losses(
                problem.optimizer, model, [2.0**rate for rate in rates], seed, training, programs
            )
            for seed in range(SEEDS)
        ]
        for at, rate in enumerate(rates):
            for seed, losses in enumerate(of_seeds):
                loss = losses[at]
                writer.writerow((name, value, rate, seed, "" if loss is None else f"{loss:.6g}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def main() -> None:
    """Train the tables that are missing."""
    parser = command_line(__doc__.partition("\n")[0])
    parser.add_argument("--problem", choices=list(PROBLEMS), action="append")
    parser.add_argument("--bank", type=Path, default=BANK, help="the folder of the tables")
    parser.add_argument("--again", action="store_true", help="train what is there already, too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    trained = []
    for name in given.problem or list(PROBLEMS):
        path = given.bank / f"{name}.csv.gz"
        if given.again or not path.exists():
            train(path, name)
            trained.append(name)
    give({"trained": trained}, given)


if __name__ == "__main__":
    main()
