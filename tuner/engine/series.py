"""Values of a metric over training, packed as they are stored: four bytes a step.

As JSON numbers a report of some thousand steps takes longer to write and to read than everything
else that the coordinator does about it.
"""

from collections.abc import Sequence
from typing import Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, field_validator

from parametrization.recommendation.record import Record

STEP: Final = np.dtype("<i4")
VALUE: Final = np.dtype("<f4")
LARGEST: Final = float(np.finfo(VALUE).max)

Metric = Literal[
    "train_loss",
    "validation_loss",
    "gradient_norm",
    "parameter_norm",
    "clip_fraction",
    "learning_rate",
]
"""Of a trial, step by step."""


class Series(Record):
    """Values of one metric of one trial at consecutive steps."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    metric: Metric
    first_step: int = Field(ge=1)
    """1-based: after that many updates."""
    packed: bytes
    """Little-endian float32, finite: a trial that diverges ends before the value that is not."""

    @classmethod
    def of(cls, metric: str, first_step: int, values: Sequence[float]) -> Self:
        """Pack finite values; one beyond single precision becomes the largest that there is.

        >>> Series.of("train_loss", 1, [0.5, 1e300]).values
        (0.5, 3.4028234663852886e+38)

        """
        single = np.array(values, np.float64).clip(-LARGEST, LARGEST).astype(VALUE)
        return cls.model_validate(
            {"metric": metric, "first_step": first_step, "packed": single.tobytes()}
        )

    @field_validator("packed")
    @classmethod
    def _finite(cls, packed: bytes) -> bytes:
        if len(packed) % VALUE.itemsize or not np.isfinite(np.frombuffer(packed, VALUE)).all():
            raise ValueError("must be finite numbers of four bytes each")
        return packed

    @property
    def values(self) -> tuple[float, ...]:
        """The values as numbers."""
        return tuple(np.frombuffer(self.packed, VALUE).tolist())

    @property
    def steps(self) -> tuple[int, ...]:
        """The step of every value."""
        return tuple(self.after(0)[0].tolist())

    def after(self, step: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Steps beyond `step`, and their values."""
        values = np.frombuffer(self.packed, VALUE)
        steps = np.arange(self.first_step, self.first_step + len(values), dtype=STEP)
        new = max(0, step + 1 - self.first_step)
        return steps[new:], values[new:]
