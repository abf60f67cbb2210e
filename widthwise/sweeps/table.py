"""Read a table of losses over learning rates and widths from a file."""

from pathlib import Path

from parametrization.sweeps.refused import SweepRefused
from parametrization.sweeps.table import Group, SeedLosses, Sweep, Table, parse_table
from widthwise.errors import WidthwiseError

__all__ = ["Group", "SeedLosses", "Sweep", "Table", "read_table", "table_text"]


def read_table(path: Path, *, loss: str | None = None) -> Table:
    """The table of a CSV file; commas, semicolons or tabs part its cells.

    Args:
        loss: the column to take as the loss; default: by its name.

    Raises:
        WidthwiseError: if the file cannot be read, or rows contradict one another.

    """
    try:
        return parse_table(table_text(path), loss=loss)
    except SweepRefused as error:
        raise WidthwiseError(f"{path}: {error}") from error


def table_text(path: Path) -> str:
    """The text of the file.

    Raises:
        WidthwiseError: if it cannot be read.

    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WidthwiseError(f"cannot read {path}: {error}") from error
