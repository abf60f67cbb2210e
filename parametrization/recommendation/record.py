"""Define the base class of every record that crosses a boundary."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Immutable, closed to unknown fields, and free of NaN and infinity."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )
