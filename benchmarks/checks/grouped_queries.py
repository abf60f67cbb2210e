"""Check two rates of fixed key and value heads, whose repetitions grow with width.

    python -m benchmarks.checks.grouped_queries --json

`fan_in` is ours: AdamW's rate follows 1/fan_in. `repetitions` is that times (1 + sqrt(r)) / 2, r
query heads sharing one key and value head: of the code that the authors of GQA-muP (Chickering et
al. 2026, arXiv:2605.15290) have published. A slope of 0 is right; that of an update which is too
large by sqrt(r) is 1/2, less what the 1 of a small r hides.
"""

import math
from dataclasses import replace
from typing import Any, Final

import torch

from benchmarks.checks.family_options import CHECKED, MUP, SEEDS, Check, Option, model_spec, widths
from benchmarks.checks.optimizers import CHECKED_OPTIMIZERS, numbers
from benchmarks.report import command_line, give
from parametrization.nn.check.run import check_width
from parametrization.nn.check.statistics import CheckedTraining
from parametrization.optimizers.built_in.adam import ADAMW
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role
from workers.datasets.load import load_data
from workers.models.build import build_model
from workers.training.model_shapes import model_scalings, model_shape
from workers.training.objective import objective

OPTION: Final = Option("gpt", {"fixed_kv_heads": 1})
RATES: Final = ("fan_in", "repetitions")


def checked(rate: str) -> dict[str, Any]:
    """The verdict and slopes under one of `RATES`."""
    spec = model_spec(Check(OPTION, MUP))
    settings = CHECKED[OPTION.family]
    data, given = load_data(spec), numbers(CHECKED_OPTIMIZERS[ADAMW.name])[ADAMW.name]
    head_size = settings.options["head_size"]

    def repeated(width: int) -> float:
        return (1 + math.sqrt(width / head_size)) / 2

    def scalings(width: int) -> tuple[TensorScaling, ...]:
        at = spec.model_copy(update={"width": width})
        factor = 1.0 if rate == "fan_in" else repeated(width) / repeated(spec.width)
        return tuple(
            replace(one, learning_rate=one.learning_rate * factor)
            if one.role is Role.GQA_KV
            else one
            for one in model_scalings(at, ADAMW.name, given)
        )

    verdict = check_width(
        lambda width: CheckedTraining(
            lambda: build_model(spec, width=width),
            objective(spec.family).training,
            lambda seed, step: data.batch(seed, step, settings.batch_size),
        ),
        scalings,
        model_shape(spec),
        optimizer=ADAMW.name,
        widths=widths(OPTION),
        seeds=SEEDS,
    )
    kv = [one for one in verdict.tensors if one.role is Role.GQA_KV]
    return {
        "rate": rate,
        "passed": verdict.passed,
        "update_slopes": [one.update_slope for one in kv],
        "propagation_slopes": [one.propagation_slope for one in kv],
        "expected_update_slope": math.log2(repeated(widths(OPTION)[-1]) / repeated(spec.width))
        / math.log2(widths(OPTION)[-1] / spec.width)
        if rate == "repetitions"
        else 0.0,
        "summary": verdict.summary,
    }


def main() -> None:
    """Measure and print."""
    given = command_line(__doc__.partition("\n")[0]).parse_args()
    torch.set_num_threads(1)
    give({"widths": list(widths(OPTION)), "rows": [checked(rate) for rate in RATES]}, given)


if __name__ == "__main__":
    main()
