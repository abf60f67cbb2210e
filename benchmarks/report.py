"""Print a benchmark's result, as it is kept under `benchmarks/results`."""

import argparse
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parent / "results"


def command_line(description: str) -> argparse.ArgumentParser:
    """The options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="one line of JSON, and nothing else")
    parser.add_argument("--output", type=Path, help="a file for the same, with command, versions")
    return parser


def give(result: dict[str, Any], given: argparse.Namespace) -> None:
    """Print the result, and store it if there is a place for it."""
    print(json.dumps(result, indent=None if given.json else 2))
    if given.output is not None:
        store(given.output, result)


def store(path: Path, result: dict[str, Any]) -> None:
    """Write the result with its command and versions, one JSON document."""
    script = Path(sys.argv[0]).resolve().with_suffix("")
    parts = script.parent.parts if script.stem == "__main__" else script.parts
    module = ".".join(parts[parts.index("benchmarks") :])
    command = " ".join(["python", "-m", module, *_without_places(sys.argv[1:])])
    versions = {"python": platform.python_version(), "torch": version("torch")}
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"command": command, "versions": versions, **result}
    path.write_text(json.dumps(document, indent=1) + "\n")


def _without_places(arguments: list[str]) -> list[str]:
    """The arguments without the files that are written: no part of how a result came about."""
    kept = list(arguments)
    for option in ("--output", "--transcript"):
        if option in kept:
            at = kept.index(option)
            del kept[at : at + 2]
    return kept
