"""Say how trials of one shape train together on one kind of device, and look that up."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from parametrization.recommendation.record import Record

DeviceKind: TypeAlias = Literal["cpu", "cuda"]
"""torch's name of a kind of device."""


PROPOSED_ON_GPUS: Final = 32
"""Trials that a search proposes together where slots are GPUs: few leave most of a GPU idle."""


class Packing(Record):
    """The fastest way to train trials of one shape on one kind of device, as probed."""

    way: Literal["solo", "fused", "compiled"]
    """One after another; as one program; as one program that a compiler made."""
    least: int
    """Fewer trials than this train one after another."""
    most: int
    """Trials of one order."""
    speedup: float | None = None
    """Trial-steps a second of `most` together over those of one trial alone; 0 if they cannot, None
    where measuring it would have cost more than it could save."""
    device: str
    """torch's kind of device: `cpu`, `cuda`."""
    device_name: str = ""
    """Model of the device that was asked; empty where none was, or where an older release asked CPU
    cores."""

    @property
    def words(self) -> str:
        """The choice as a sentence.

        >>> Packing(way="fused", least=2, most=32, speedup=2.41, device="cpu").words
        'fused K=32: 2.4x solo here'

        """
        if self.speedup is None:
            return "solo: training together could not save what finding out would cost"
        if self.speedup == 0:
            return "solo: such trials cannot train together"
        if self.way == "solo":
            return f"solo: together would be {self.speedup:.1f}x as fast here"
        return f"{self.way} K={self.most}: {self.speedup:.1f}x solo here"


SOLO: Final = Packing(way="solo", least=2, most=1, device="cpu")
"""One trial an order, as long as nothing faster is known."""


def packing_key(optimizer: str, width: int, device_kind: str) -> str:
    """Key of a study's packing: nothing else of its trials changes what a probe measures.

    >>> packing_key("adamw", 32, "cuda")
    'adamw/32/cuda'

    """
    return f"{optimizer}/{width}/{device_kind}"


def packing_of(
    packings: Mapping[str, Packing] | None, optimizer: str, width: int, device_kind: str
) -> Packing | None:
    """Find the packing of a shape on one kind of device; None if none has been measured there."""
    return (packings or {}).get(packing_key(optimizer, width, device_kind))
