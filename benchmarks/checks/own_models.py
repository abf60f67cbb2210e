"""Try the library on twenty models that people have, as they have them.

    python -m benchmarks.checks.own_models [--quick] [--models "HF Llama,nanoGPT"] [--json]

One row a model: what had to change in it and what to be declared until it classified, the
coordinate check's verdict and its seconds, and how many tensors have the rate and decay that `mup`
gives them. `--quick` classifies and compares without the check. Ends with 1 if a model does not
classify or a number differs. `docs/own-models.md` shows the stored result.
"""

import argparse
import json
import logging
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

from benchmarks.checks.mup_agreement import agreement
from benchmarks.checks.tried.models import MODELS, Tried
from parametrization.check.usual_settings import check_hyperparameters
from parametrization.check.verdict import CheckVerdict
from parametrization.nn.check.run import check_width
from parametrization.nn.check.statistics import CheckedTraining
from parametrization.nn.classify import UnclassifiedTensors
from parametrization.nn.own_model import MOST_SEEDS, shape
from parametrization.optimizers.built_in.adam import ADAMW
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.roles import ModelShape


def tried(name: str, one: Tried, *, checks: bool) -> dict[str, Any]:
    """The row of one model."""
    as_found, words = _classified(one, as_found=True)
    found = as_found or _classified(one, as_found=False)[0]
    row: dict[str, Any] = {
        "model": name,
        "origin": one.origin,
        "classifies_as_found": as_found is not None,
        "changes": list(one.changes),
        "output_multiplier": one.output_multiplier,
        "role_patterns": 0,
        "refusal": words,
    }
    if found is None:
        return row | {"classifies": False}
    build = one.build or one.found
    compared = agreement(build, found)
    row |= {
        "classifies": True,
        "tensors": len(found.tensors),
        "mup_compared": compared.compared,
        "mup_equal": compared.equal,
        "mup_has_no_rule": compared.without_rule,
        "mup_differ": list(compared.differ),
    }
    if not checks:
        return row
    started = time.monotonic()
    verdict = _judged(one, build, found)
    return row | {
        "check": {True: "passed", False: "failed", None: "inconclusive"}[verdict.passed],
        "check_words": verdict.summary,
        "check_seconds": round(time.monotonic() - started, 1),
    }


def _judged(one: Tried, build: Callable[[int], nn.Module], base: ModelShape) -> CheckVerdict:
    given = check_hyperparameters(ADAMW.name) | {"output_multiplier": one.output_multiplier}
    return check_width(
        lambda width: CheckedTraining(partial(build, width), one.loss, one.batch),
        lambda width: scale(
            base, given, Multipliers(width / base.base_width), optimizer=ADAMW.name
        ),
        base,
        optimizer=ADAMW.name,
        widths=one.widths,
        most_seeds=MOST_SEEDS,
    )


def report(names: Iterable[str], *, checks: bool) -> dict[str, Any]:
    """All rows, and what they were measured with."""
    return {
        "torch": torch.__version__,
        "transformers": version("transformers"),
        "diffusers": version("diffusers"),
        "machine": platform.machine(),
        "rows": [tried(name, MODELS[name], checks=checks) for name in names],
    }


def main() -> int:
    """Print the report as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="without the coordinate check")
    parser.add_argument("--models", help="names, separated by commas; default: all")
    parser.add_argument("--json", action="store_true", help="accepted for every benchmark")
    given = parser.parse_args()
    names = given.models.split(",") if given.models else list(MODELS)
    if unknown := set(names) - MODELS.keys():
        parser.error(f"no such models: {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    warnings.simplefilter("ignore")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    result = report(names, checks=not given.quick)
    print(json.dumps(result, indent=1))
    return int(any(not row["classifies"] or row["mup_differ"] for row in result["rows"]))


def _classified(one: Tried, *, as_found: bool) -> tuple[ModelShape | None, str]:
    build = one.found if as_found or one.build is None else one.build
    try:
        return shape(build, one.widths[0]), ""
    except UnclassifiedTensors as error:
        return None, f"{len(error.names)} tensors: {error}"
    except ValueError as error:
        return None, str(error)


if __name__ == "__main__":
    sys.exit(main())
