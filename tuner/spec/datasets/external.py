"""The dataset `external`: the data of a user's own trainer."""

from typing import ClassVar, Literal

from tuner.spec.datasets.dataset import OwnData


class ExternalData(OwnData):
    """The data of a trainer of your own; nothing of it is read or known here."""

    examples: ClassVar = None

    name: Literal["external"]
