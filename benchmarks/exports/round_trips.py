"""Read every export back, by the documented formula and by the framework's own code."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from benchmarks.exports.examples import examples
from tuner.recommendation.exports import megatron
from tuner.recommendation.exports.protocol.export import Export, Reading, TensorReading
from tuner.recommendation.exports.protocol.registry import EXPORTS
from tuner.recommendation.exports.protocol.ten_steps import (
    TOLERANCE,
    Difference,
    differences,
    round_trip,
)
from tuner.recommendation.recommend import Recommendation

SCRIPT: Final = Path(__file__).with_name("own_code.py")
FRAMEWORKS: Final = Path(__file__).parents[2] / ".venv-exports" / "bin" / "python"
HERE: Final = {
    "torch": "torch",
    "torch-multiplier-free": "torch",
    "deepspeed": "torch",
    "hf-trainer": "transformers",
    "mup": "mup",
}
"""The package that reads a form in the project's own environment, where it is installed there."""
APART: Final = {
    "torchtitan": "torchtitan",
    "olmo-core": "ai2-olmo-core",
    "nemo-automodel": "nemo-automodel",
    "megatron": "megatron-core",
}
"""The package that reads it in the environment of `make test-exports`."""
FORMULA: Final = "formula"


def python_with(name: str) -> Path | None:
    """The Python that has the framework of a form: this one, else that of `make test-exports`.

    None where neither has it. Transformers is there with `make tools` alone.
    """
    if name in HERE and find_spec(HERE[name]) is not None:
        return Path(sys.executable)
    return FRAMEWORKS if name in HERE | APART and FRAMEWORKS.exists() else None


def rows() -> Iterator[dict[str, Any]]:
    """One row a form and reader; frameworks that are not installed are left out."""
    for name, document in examples().items():
        export = EXPORTS[name]
        yield _row(export, document, FORMULA, round_trip(export, document))
        if (python := python_with(name)) is not None:
            back = list(by_own_code(export, document, python))
            yield _row(export, document, (HERE | APART)[name], back)


def by_own_code(export: Export, document: Recommendation, python: Path) -> Iterator[Difference]:
    """Every number that the framework's own code makes of the files, beside the recommended one."""
    files = export.render(document)
    numbers = export.numbers(document)
    shapes = {name: list(row.shape) for row in numbers for name in row.names}
    asked: dict[str, Any] = {"steps": document.schedule.steps, "shapes": shapes}
    if export.name == "megatron":
        asked["flags"] = megatron.parsed(files[megatron.ARGUMENTS])
    with tempfile.TemporaryDirectory() as folder:
        for file, text in {**files, "asked.json": json.dumps(asked)}.items():
            (Path(folder) / file).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [python, str(SCRIPT), export.name, folder], check=True, capture_output=True, text=True
        )
    said = json.loads(done.stdout.splitlines()[-1])
    reading = Reading(
        lambda name: TensorReading(**said["tensors"][name]), lambda step: said["factors"][step]
    )
    yield from differences(numbers, document.schedule, reading)


def _row(
    export: Export, document: Recommendation, reader: str, back: list[Difference]
) -> dict[str, Any]:
    differing = [one for one in back if one.relative > TOLERANCE]
    return {
        "format": export.name,
        "reader": reader,
        "tensors": len({one.tensor for one in back if one.tensor}),
        "numbers": len(back),
        "equal": len(back) - len(differing),
        "largest_relative_difference": max(one.relative for one in back),
        "differing": sorted({one.number for one in differing}),
        "inexpressible": [one.what for one in export.inexpressible(document)],
    }
