"""Run the coordinate check over the options of the model families.

    python -m benchmarks.checks.family_options --json [--quick] [--families gpt mlp] [--processes N]

One row per option: the family with that option alone changed, and a few combinations, trained with
AdamW under muP, through the builders and shapes that a study uses. The standard parametrization of
the same option stands beside it as the control: there the check has to fail. A row's slopes are the
ones farthest from 0, by role. Ends with 1 if a row is not as it should be. `docs/options.md` shows
the stored result.
"""

import argparse
import json
import math
import multiprocessing
import platform
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final, NamedTuple

import torch

from benchmarks.checks.optimizers import CHECKED_OPTIMIZERS, numbers
from parametrization.check.slopes import activation_kind
from parametrization.check.verdict import CheckVerdict
from parametrization.nn.check.run import check_width
from parametrization.nn.check.statistics import CheckedTraining
from parametrization.optimizers.built_in.adam import ADAMW
from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role
from tuner.engine.orders import ModelSpec
from tuner.spec.study import StudySpec
from workers.datasets.load import load_data
from workers.models.build import build_model
from workers.training.model_shapes import model_scalings, model_shape
from workers.training.objective import objective

MUP, SP = Parametrization.MUP, Parametrization.SP
SEEDS: Final = range(4)


class Checked(NamedTuple):
    """The settings of every row of a family."""

    widths: tuple[int, ...]
    batch_size: int
    options: dict[str, Any]


CHECKED: Final = {
    "gpt": Checked((64, 128, 256), 8, {"depth": 2, "head_size": 16, "context": 16}),
    "mlp": Checked((64, 128, 256, 512), 64, {"depth": 3}),
    "resnet": Checked((16, 32, 64, 128), 8, {"depth": 2}),
    "vit": Checked((32, 64, 128, 256), 16, {"depth": 1, "head_size": 8}),
    "gan": Checked((64, 128, 256, 512), 64, {"depth": 2}),
}
"""A new family is one line here and one an option below."""
MODERN: Final = {"query_heads_per_kv_head": 2, "qk_norm": True, "positions": "rope"} | {
    "activation": "swiglu"
}


class Option(NamedTuple):
    """A family with some of its options changed."""

    family: str
    options: dict[str, Any]
    widths: tuple[int, ...] = ()
    """Default: the family's."""


class Check(NamedTuple):
    """One row to measure."""

    option: Option
    parametrization: Parametrization


OPTIONS: Final = (
    Option("gpt", {}),
    Option("gpt", {"norm": "layernorm"}),
    Option("gpt", {"norm_gains": False}),
    Option("gpt", {"norm": "layernorm", "norm_gains": False}),
    *(Option("gpt", {"activation": a}) for a in ("relu", "silu", "tanh", "swiglu")),
    Option("gpt", {"query_heads_per_kv_head": 2}),
    Option("gpt", {"query_heads_per_kv_head": 4}),
    *(
        Option("gpt", {"fixed_kv_heads": heads}, at)
        for heads in (1, 4)
        for at in ((), (256, 512, 1024))
    ),
    Option("gpt", {"qk_norm": True}),
    Option("gpt", {"qk_norm": True, "norm_gains": False}),
    Option("gpt", {"positions": "rope"}),
    Option("gpt", {"tied": True}),
    Option("gpt", {"experts": 4, "experts_per_token": 1}),
    Option("gpt", {"experts": 4, "experts_per_token": 2}),
    Option("gpt", MODERN),
    Option("gpt", MODERN | {"tied": True}),
    Option("gpt", MODERN | {"experts": 4, "experts_per_token": 2}),
    Option("mlp", {}),
    *(Option("mlp", {"norm": norm}) for norm in ("layernorm", "rmsnorm")),
    *(Option("mlp", {"activation": a}) for a in ("gelu", "silu", "tanh")),
    Option("resnet", {}),
    Option("resnet", {"norm": "batchnorm"}),
    *(Option("resnet", {"activation": a}) for a in ("gelu", "silu", "tanh")),
    Option("vit", {}),
    Option("vit", {"norm": "rmsnorm"}),
    *(Option("vit", {"activation": a}) for a in ("relu", "silu", "tanh")),
    Option("gan", {}),
    *(Option("gan", {"activation": a}) for a in ("relu", "gelu", "tanh")),
)
"""A new option is one line."""
UNSETTLED: Final = ("fixed_kv_heads",)
"""Options that no rule is clean for: their check may stay inconclusive, and must not fail."""
_QUICK: Final = (
    Option("gpt", {}),
    Option("gpt", MODERN | {"tied": True, "experts": 4, "experts_per_token": 2}),
)


def checks(*, quick: bool, families: Collection[str]) -> Iterator[Check]:
    """Every row of these families."""
    for option in _QUICK if quick else OPTIONS:
        if option.family in families:
            yield Check(option, MUP)
            yield Check(option, SP)


def measure(check: Check) -> dict[str, Any]:
    """One row of the report."""
    started = time.perf_counter()
    verdict = _verdict(check)
    tensors = [tensor for tensor in verdict.tensors if activation_kind(tensor.tensor) is None]
    return {
        "family": check.option.family,
        "options": check.option.options,
        "widths": widths(check.option),
        "parametrization": check.parametrization.value,
        "slopes": _farthest((t.role, t.update_slope) for t in tensors),
        "propagation_slopes": _farthest((t.role, t.propagation_slope) for t in tensors),
        "passed": verdict.passed,
        "seconds": round(time.perf_counter() - started, 2),
        "summary": verdict.summary,
    }


def _farthest(slopes: Iterable[tuple[Role, float | None]]) -> dict[str, float]:
    """The slope farthest from 0 of every role that has one."""
    found: dict[str, float] = {}
    for role, slope in slopes:
        if slope is not None and abs(slope) >= abs(found.get(role.value, 0.0)):
            found[role.value] = round(slope, 3)
    return found


def _verdict(check: Check) -> CheckVerdict:
    spec, batch_size = model_spec(check), CHECKED[check.option.family].batch_size
    data, hyperparameters = load_data(spec), numbers(CHECKED_OPTIMIZERS[ADAMW.name])[ADAMW.name]

    def training(width: int) -> CheckedTraining:
        return CheckedTraining(
            lambda: build_model(spec, width=width),
            objective(spec.family).training,
            lambda seed, step: data.batch(seed, step, batch_size),
        )

    def scalings(width: int) -> tuple[TensorScaling, ...]:
        at = spec.model_copy(update={"width": width})
        return model_scalings(at, ADAMW.name, hyperparameters)

    return check_width(
        training,
        scalings,
        model_shape(spec),
        optimizer=ADAMW.name,
        widths=widths(check.option),
        seeds=SEEDS,
    )


def widths(option: Option) -> tuple[int, ...]:
    """Widths of the option's check; the narrowest is the base."""
    return option.widths or CHECKED[option.family].widths


def model_spec(check: Check) -> ModelSpec:
    """The narrowest model of the row."""
    checked = CHECKED[check.option.family]
    config = {"name": check.option.family, **checked.options, **check.option.options}
    base = widths(check.option)[0]
    study = StudySpec.model_validate({"family": config, "target": {"width": base}})
    return ModelSpec(
        family=study.family,
        dataset=study.dataset,
        width=base,
        base_width=base,
        parametrization=check.parametrization,
    )


def is_as_expected(row: dict[str, Any]) -> bool:
    """True if muP passes, or is in doubt where it may be, and the control fails."""
    if row["parametrization"] == SP:
        return row["passed"] is False
    unsettled = any(option in UNSETTLED for option in row["options"])
    return row["passed"] is True or (unsettled and row["passed"] is None)


def main() -> None:
    """Measure, print, and end with 1 if a row is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--processes", type=int, default=2, help="each on one core; default: 2")
    parser.add_argument("--families", nargs="+", choices=CHECKED, default=CHECKED)
    arguments = parser.parse_args()
    rows = []
    context = multiprocessing.get_context("spawn")  # forked threads of torch may hang
    with context.Pool(arguments.processes, torch.set_num_threads, (1,)) as pool:
        for row in pool.imap(measure, checks(quick=arguments.quick, families=arguments.families)):
            rows.append(row)
            if not arguments.json:
                print(_line(row), flush=True)
    if arguments.json:
        print(json.dumps(_document(rows), indent=1))
    unexpected = [row for row in rows if not is_as_expected(row)]
    for row in unexpected:
        print(f"not as it should be: {_line(row)}: {row['summary']}", file=sys.stderr)
    sys.exit(1 if unexpected else 0)


def _document(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "command": "python -m benchmarks.checks.family_options --json",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "optimizer": "adamw",
        "log2_learning_rate": math.log2(ADAMW.check_learning_rate),
        "seeds": len(SEEDS),
        "rows": rows,
    }


def _line(row: dict[str, Any]) -> str:
    verdict = {True: "passed", False: "failed", None: "unsure"}[row["passed"]]
    slopes = " ".join(f"{role} {slope:+.2f}" for role, slope in row["slopes"].items())
    options = ", ".join(f"{name} {value}" for name, value in row["options"].items()) or "defaults"
    seconds = f"({row['seconds']:.1f} s)"
    return f"{verdict} {row['family']} {row['parametrization']:3} {options}: {slopes} {seconds}"


if __name__ == "__main__":
    main()
