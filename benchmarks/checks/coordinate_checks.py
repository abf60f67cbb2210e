"""Coordinate checks of every rule, and of errors planted on purpose.

    python -m benchmarks.checks.coordinate_checks --json [--quick] [--processes N] [--output FILE]

Under `mup` every row passes, except those marked empirical; under `sp`, and with an error planted,
every row fails. A row's slopes are those of the updates, by role: the one farthest from 0.
"""

import json
import multiprocessing
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from benchmarks.checks.families import (
    DEEP_FAMILIES,
    DEPTHS,
    FAMILIES,
    CheckedFamily,
    fixed_heads,
)
from benchmarks.checks.optimizers import CHECKED_OPTIMIZERS, SLOW, is_empirical, numbers
from benchmarks.report import command_line, store
from parametrization.check.planted_errors import (
    EPSILON_ERRORS,
    UNSCALED_EPSILON,
    WIDTH_ERRORS,
)
from parametrization.check.slopes import RESIDUAL_STREAM, activation_kind
from parametrization.check.verdict import CheckVerdict
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.check.run import check_depth, check_width
from parametrization.nn.check.statistics import CheckedTraining
from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.model_scaling import scale_assigned
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape

MUP, SP = Parametrization.MUP, Parametrization.SP
ATTENTION_ERROR = "attention / sqrt(head size), fixed number of heads"
PLANTED_ON = ("adamw", "sgd")
SEEDS = range(8)
IMAGE_FAMILIES = {
    "resnet": ("adamw", "sgd", "lion", "muon_spectral+adamw"),
    "resnet_batchnorm": ("adamw", "sgd"),
    "vit": ("adamw", "sgd", "lion", "muon_spectral+adamw"),
    "unet": ("adamw", "lion"),
    "dit": ("adamw", "lion"),
    "gan": ("adamw",),
}
ON_DEPTH = (
    *("adamw", "sgd", "lion", "layer_normalised_sgd"),
    *("muon_spectral+adamw", "shampoo_half+adamw", "soap+adamw"),
)
DEEP = ("gpt", "vit", "resnet")
NO_DEPTH_RULE = "branch multiplier forgotten"  # all that CompleteP changes for AdamW, but epsilon
CONV_READOUT_ERROR = "readout multiplier forgotten"
QUICK_ERRORS = ("hidden rate x m^1/2", "readout multiplier forgotten", "hidden init x sqrt(m)")


class DepthError(NamedTuple):
    """Exponents of depth, by which the rate and the branch multiplier are off."""

    rate: float
    branch: float


DEPTH_ERRORS = {
    "depth rate forgotten": ("sgd", DepthError(-1.0, 0.0)),
    "double depth scaling: rate": ("adamw", DepthError(-1.0, 0.0)),
    "double depth scaling: branch": ("adamw", DepthError(0.0, -1.0)),
    NO_DEPTH_RULE: ("adamw", DepthError(0.0, 1.0)),
}


class Check(NamedTuple):
    """One row to measure."""

    family: str
    optimizer: str
    parametrization: Parametrization = MUP
    axis: str = "width"
    planted_error: str | None = None


def checks(*, quick: bool) -> Iterator[Check]:
    """Every row."""
    yield from _QUICK if quick else _right_and_standard()
    yield Check("fixed_heads", "adamw")
    yield Check("fixed_heads", "adamw", planted_error=ATTENTION_ERROR)
    for optimizer in PLANTED_ON[:1] if quick else PLANTED_ON:
        for error in QUICK_ERRORS if quick else WIDTH_ERRORS:
            yield Check("mlp", optimizer, planted_error=error)
    yield from (Check("mlp", "adamw", planted_error=error) for error in EPSILON_ERRORS)
    if not quick:
        yield Check("unet", "adamw", planted_error=CONV_READOUT_ERROR)
    for optimizer in PLANTED_ON if quick else ON_DEPTH:
        yield Check("residual_mlp", optimizer, axis="depth")
    for error, (optimizer, _) in DEPTH_ERRORS.items():
        yield Check("residual_mlp", optimizer, axis="depth", planted_error=error)
    for family in () if quick else DEEP:
        yield Check(family, "adamw", axis="depth")
        yield Check(family, "adamw", axis="depth", planted_error=NO_DEPTH_RULE)


_QUICK = (
    *(Check("mlp", optimizer, rule) for optimizer in ("adamw", "sgd") for rule in (MUP, SP)),
    Check("mlp", "muon_spectral+adamw"),
    Check("gpt", "adamw"),
    *(Check("resnet", "adamw", rule) for rule in (MUP, SP)),
)


def _right_and_standard() -> Iterator[Check]:
    for optimizer in CHECKED_OPTIMIZERS:
        for family in ("mlp_wide",) if optimizer in SLOW else ("mlp", "gpt"):
            yield Check(family, optimizer)
            yield Check(family, optimizer, SP)
    for family, optimizers in IMAGE_FAMILIES.items():
        for optimizer in optimizers:
            yield Check(family, optimizer)
            yield Check(family, optimizer, SP)


def measure(check: Check) -> dict[str, Any]:
    """One row of the report."""
    started = time.perf_counter()
    verdict = _over_depth(check) if check.axis == "depth" else _over_width(check)
    slopes: dict[str, float] = {}
    for tensor in verdict.tensors:
        slope = tensor.update_slope
        kind = "residual_stream" if tensor.tensor == RESIDUAL_STREAM else tensor.role.value
        if activation_kind(tensor.tensor) not in (None, RESIDUAL_STREAM):
            continue
        if slope is not None and abs(slope) >= abs(slopes.get(kind, 0.0)):
            slopes[kind] = round(slope, 3)
    return {
        **check._asdict(),
        "slopes": slopes,
        "passed": verdict.passed,
        "empirical": is_empirical(CHECKED_OPTIMIZERS[check.optimizer]),
        "seconds": round(time.perf_counter() - started, 2),
        "summary": verdict.summary,
    }


def _over_width(check: Check) -> CheckVerdict:
    family = FAMILIES[check.family]
    if check.planted_error == ATTENTION_ERROR:
        family = fixed_heads(right=False)
    plant = {**WIDTH_ERRORS, **EPSILON_ERRORS}.get(check.planted_error or "", _unharmed)
    base = family.widths[0]
    shape = _shape(family)
    large = {"epsilon": UNSCALED_EPSILON} if check.planted_error in EPSILON_ERRORS else {}

    def scalings(width: int) -> list[TensorScaling]:
        right = _scaled(check, shape, width, large)
        return [plant(scaling, width / base) for scaling in right]

    return check_width(
        lambda width: _training(family, width),
        scalings,
        shape,
        optimizer=_lead(check),
        widths=family.widths,
        seeds=SEEDS,
    )


def _over_depth(check: Check) -> CheckVerdict:
    _, error = DEPTH_ERRORS.get(check.planted_error or "", ("", DepthError(0.0, 0.0)))
    assert isinstance(error, DepthError)

    def family(depth: int) -> CheckedFamily:
        return DEEP_FAMILIES[check.family](depth, (depth / DEPTHS[0]) ** (error.branch - 1))

    def scalings(depth: int) -> list[TensorScaling]:
        at, growth = family(depth), depth / DEPTHS[0]
        shape = _shape(at)
        inside = {tensor.name for tensor in shape.tensors if tensor.in_block}
        return [
            replace(s, learning_rate=s.learning_rate * growth**error.rate)
            if s.name in inside
            else s
            for s in _scaled(check, shape, at.widths[0], {}, depth_mult=growth)
        ]

    return check_depth(
        lambda depth: _training(family(depth), family(depth).widths[0]),
        scalings,
        lambda depth: _shape(family(depth)),
        optimizer=_lead(check),
        depths=DEPTHS,
        seeds=SEEDS,
    )


def _scaled(
    check: Check,
    shape: ModelShape,
    width: int,
    overrides: dict[str, float],
    *,
    depth_mult: float = 1.0,
) -> Sequence[TensorScaling]:
    checked = CHECKED_OPTIMIZERS[check.optimizer]
    return scale_assigned(
        shape,
        numbers(checked, **overrides),
        Multipliers(width=width / shape.base_width, depth=depth_mult),
        assignment=checked.assignment,
        parametrization=check.parametrization,
    )


def _training(family: CheckedFamily, width: int) -> CheckedTraining:
    return CheckedTraining(lambda: family.build(width), family.loss, family.batch)


def _shape(family: CheckedFamily) -> ModelShape:
    base = family.widths[0]
    with torch.device("meta"):
        return derive_model_shape(family.build(base), family.build(2 * base), base)


def _lead(check: Check) -> str:
    return CHECKED_OPTIMIZERS[check.optimizer].assignment.lead


def _unharmed(scaling: TensorScaling, _growth: float) -> TensorScaling:
    return scaling


def unexpected(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that contradict the promise above."""
    return [
        row
        for row in rows
        if (
            row["passed"] is not True and not row["empirical"]
            if row["planted_error"] is None and row["parametrization"] == MUP
            else row["passed"] is not False
        )
    ]


def main() -> None:
    """Measure, print, and end with 1 if a row is not as it should be."""
    parser = command_line(__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--processes", type=int, default=2, help="each on one core; default: 2")
    arguments = parser.parse_args()
    rows = []
    context = multiprocessing.get_context("spawn")  # forked threads of torch may hang
    with context.Pool(arguments.processes, torch.set_num_threads, (1,)) as pool:
        for row in pool.imap(measure, checks(quick=arguments.quick)):
            rows.append(row)
            if not arguments.json:
                print(_line(row), flush=True)
    if arguments.json:
        print(json.dumps({"rows": rows}))
    if arguments.output is not None:
        store(arguments.output, {"rows": rows})
    for row in unexpected(rows):
        print(f"not as it should be: {_line(row)}: {row['summary']}", file=sys.stderr)
    sys.exit(1 if unexpected(rows) else 0)


def _line(row: dict[str, Any]) -> str:
    verdict = {True: "passed", False: "failed", None: "unsure"}[row["passed"]]
    slopes = " ".join(f"{role} {slope:+.2f}" for role, slope in row["slopes"].items())
    error = row["planted_error"] or "-"
    what = f"{row['family']:12} {row['optimizer']:26} {row['parametrization']:3} {row['axis']:5}"
    return f"{verdict} {what} {error:32} {slopes} ({row['seconds']:.1f} s)"


if __name__ == "__main__":
    main()
