"""Read trials from CSV: a line each, with a column of values and one for each hyperparameter.

`study.trials_dataframe().to_csv()` of Optuna is one: its `params_` columns, `value` and `state`.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from tuner.exchange.fitting import Row
from tuner.exchange.readers.unreadable import TrialsUnreadable

_PREFIX: Final = "params_"


def csv_rows(text: str, value_column: str) -> Iterator[Row]:
    """The trials of a CSV text with a header, between commas, semicolons or tabs.

    Raises:
        TrialsUnreadable: if it has no header with that column.

    """
    text = text.removeprefix("\ufeff")  # spreadsheets write a byte order mark
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text), strict=True, delimiter=delimiter)
    try:
        columns = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        if value_column not in columns:
            has = ", ".join(columns)[:200]
            raise TrialsUnreadable(
                f"the CSV has no column {value_column!r}: name the column of values with"
                f" value_column; it has {has}"
            )
        for number, line in enumerate(reader, start=2):
            yield _row(number, line, value_column)
    except csv.Error as error:
        raise TrialsUnreadable(f"line {reader.line_num} is not CSV: {error}") from error


def _row(number: int, line: dict[str, str], value_column: str) -> Row:
    params = {}
    for column, cell in line.items():
        # None: cells beyond the header's, or a line that ends before its last column.
        if column is None or cell is None or column == value_column:
            continue
        with suppress(ValueError):
            params[column.removeprefix(_PREFIX).strip()] = float(cell)
    is_complete = (line.get("state") or "COMPLETE").strip().upper() == "COMPLETE"
    value = None
    with suppress(ValueError, TypeError):
        value = float(line[value_column])
    return Row(f"line {number}", params, value if is_complete else None)
