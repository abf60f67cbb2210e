"""Look up how trials of one shape train together on one kind of device."""

from collections.abc import Iterable, Mapping
from typing import Final

from tuner.engine.protocol import DeviceKind, Packing, Slot
from tuner.spec.record import Record


class Capacity(Record):
    """The slots of an engine that trials are packed for, busy or free.

    It changes when slots are added or removed, not when they become busy: a study that is run
    twice on one machine is packed twice the same.
    """

    slots: int
    device_kind: DeviceKind


ONE_CPU: Final = Capacity(slots=1, device_kind="cpu")


def capacity_of(slots: Iterable[Slot]) -> Capacity:
    """Count the slots to pack for: those on GPUs if there are any, else those on CPU cores.

    >>> slots = [Slot(name=f"cpu-{n}", device="cpu", device_kind="cpu") for n in range(2)]
    >>> capacity_of(slots)
    Capacity(slots=2, device_kind='cpu')

    """
    kinds = [slot.device_kind for slot in slots]
    kind: DeviceKind = "cuda" if "cuda" in kinds else "cpu"
    return Capacity(slots=max(1, kinds.count(kind)), device_kind=kind)


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
