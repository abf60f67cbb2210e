"""Recognise the columns of a learning-rate sweep, with errors that a command shows."""

from collections.abc import Sequence

from parametrization.sweeps import columns
from parametrization.sweeps.columns import Columns, axis_of
from parametrization.sweeps.refused import SweepRefused
from widthwise.errors import WidthwiseError

__all__ = ["Columns", "axis_of", "recognised"]


def recognised(names: Sequence[str], *, loss: str | None = None) -> Columns:
    """The columns of a table with these names.

    Raises:
        WidthwiseError: if width, rate or loss is missing or several columns could be meant.

    """
    try:
        return columns.recognised(names, loss=loss)
    except SweepRefused as error:
        raise WidthwiseError(str(error)) from error
