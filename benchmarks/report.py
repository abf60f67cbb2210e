"""A benchmark's result as it is kept under `benchmarks/results`: with what it was measured by."""

import json
import platform
import sys
from pathlib import Path
from typing import Any, Final

import torch

RESULTS: Final = Path(__file__).parent / "results"


def store(path: Path, result: dict[str, Any]) -> None:
    """Write the result with its command and versions, one JSON document."""
    module = Path(sys.argv[0]).stem
    command = " ".join(["python", "-m", f"benchmarks.{module}", *_without_output(sys.argv[1:])])
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"command": command, "versions": versions, **result}
    path.write_text(json.dumps(document, indent=1) + "\n")


def _without_output(arguments: list[str]) -> list[str]:
    if "--output" not in arguments:
        return arguments
    at = arguments.index("--output")
    return [*arguments[:at], *arguments[at + 2 :]]
