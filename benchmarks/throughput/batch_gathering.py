"""Batches a second of text: in memory, and mapped from files of the user's own.

    python -m benchmarks.throughput.batch_gathering --json

The same windows of the same bytes are gathered from the built-in text, from a text file and from a
file of tokens; all take turns, and figures are medians of the turns. `ratio` is a kind over the
text in memory; `microseconds` what a batch takes, the look at whether the file is still the same
included.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.report import command_line, give
from tuner.data_files.places import Places
from tuner.spec.datasets.stdlib_text import StdlibText
from tuner.spec.datasets.text_file import TextFile
from tuner.spec.datasets.token_file import TokenFile
from tuner.spec.families.gpt import Gpt
from workers.datasets import stdlib_text, token_files
from workers.datasets.access import Access, allow
from workers.datasets.data import Data
from workers.slot.process import settle_torch

TURNS: Final = 7
IN_MEMORY: Final = "stdlib-text"


def opened(folder: Path, context: int) -> dict[str, Data]:
    """The same text by every kind of dataset."""
    family = Gpt(name="gpt", context=context)
    built_in = stdlib_text.load(StdlibText(name="stdlib-text"), family)
    text = built_in.corpus.train.numpy()
    (folder / "text.txt").write_bytes(text.tobytes())
    text.astype("<u2").tofile(folder / "tokens.bin")
    allow(Access(Places([folder])))
    return {
        IN_MEMORY: built_in,
        "text-file": token_files.load_text(TextFile(name="text-file", path="text.txt"), family),
        "token-file": token_files.load_tokens(
            TokenFile(name="token-file", path="tokens.bin", vocabulary=256), family
        ),
    }


def seconds_a_batch(data: Data, batch_size: int, seconds: float) -> float:
    """Of one turn."""
    done, started = 0, time.perf_counter()
    while (taken := time.perf_counter() - started) < seconds:
        data.batch(0, done, batch_size)
        done += 1
    return taken / done


def measure_row(folder: Path, context: int, batch_size: int, seconds: float) -> dict[str, Any]:
    """One shape of batches."""
    kinds = opened(folder, context)
    turns: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(TURNS):
        for name, data in kinds.items():
            turns[name].append(seconds_a_batch(data, batch_size, seconds))
    taken = {name: statistics.median(of_turns) for name, of_turns in turns.items()}
    return {
        "context": context,
        "batch_size": batch_size,
        "microseconds": {name: round(1e6 * one, 1) for name, one in taken.items()},
        "ratio": {
            name: round(taken[IN_MEMORY] / one, 2)
            for name, one in taken.items()
            if name != IN_MEMORY
        },
    }


def main() -> None:
    """Print the measurements."""
    parser = command_line(__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter turns")
    arguments = parser.parse_args()
    settle_torch()
    seconds = 0.05 if arguments.quick else 0.5
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            measure_row(Path(folder), context, batch_size, seconds)
            for context, batch_size in ((32, 16), (256, 32), (1024, 64))
        ]
    give({"numpy": np.__version__, "rows": rows}, arguments)


if __name__ == "__main__":
    main()
