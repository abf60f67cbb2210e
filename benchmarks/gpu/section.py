"""Options of a GPU session's sections, and rows that outlive a deadline."""

import argparse
import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch

from workers.slot.process import settle_torch

Row = dict[str, Any]


class Section:
    """One section's rows, written whole after every one of them.

    Args:
        rehearsed: on the CPU, with little of everything.
        seconds: until the section is ended from outside.

    """

    def __init__(self, path: Path, seconds: float, *, rehearsed: bool) -> None:
        self.rehearsed = rehearsed
        self.device: Final = torch.device("cpu" if rehearsed else "cuda")
        self.rows: list[Row] = []
        self._path, self._ends = path, time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """Seconds until the section is ended, less a reserve for its last row."""
        return self._ends - time.monotonic() - 2

    def add(self, **row: Any) -> None:  # noqa: ANN401 - whatever was measured
        """Keep a row; on disk when this returns."""
        self.rows.append(row)
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self.rows, indent=1))
        unfinished.replace(self._path)

    @contextmanager
    def trying(self, **name: object) -> Iterator[Row]:
        """A row to fill in, kept with the error should there be one: nothing here is fatal."""
        row: Row = dict(name)
        try:
            yield row
        except Exception as error:  # noqa: BLE001 - it is what the section is there to find
            row["error"] = f"{type(error).__name__}: {error}".partition("\n")[0]
            row["at"] = traceback.format_exc().splitlines()[-4:-1]
        self.add(**row)

    def seconds_of(self, step: Callable[[], object], *, calls: int = 10) -> float:
        """Seconds of one call, after warm-up calls."""
        for _ in range(2 if self.rehearsed else 5):
            step()
        self.wait()
        started = time.perf_counter()
        for _ in range(1 if self.rehearsed else calls):
            step()
        self.wait()
        return (time.perf_counter() - started) / (1 if self.rehearsed else calls)

    def wait(self) -> None:
        """Wait until the device has finished its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def run(measure: Callable[[Section], None]) -> None:
    """Measure one section, as its command line says."""
    parser = argparse.ArgumentParser(description=measure.__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--rehearse", action="store_true")
    given = parser.parse_args()
    settle_torch()
    measure(Section(given.path, given.seconds, rehearsed=given.rehearse))
