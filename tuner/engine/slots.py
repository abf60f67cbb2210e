"""Define slots, where orders run, and the capacity that an engine's slots add up to."""

from collections.abc import Iterable
from typing import Final, Literal

from parametrization.recommendation.record import Record
from tuner.engine.orders import OrderId
from tuner.engine.packing import DeviceKind

_LONGEST_WORDS: Final = 32  # of the column that they are stored in


class Slot(Record):
    """One place where a cohort can run: a GPU, part of one, or a CPU core."""

    name: str
    """Unique within the engine, for people: `cpu-0`, `cuda-1`."""
    device: str
    """torch's name of the device: `cpu`, `cuda:1`; `external` for a trainer of a user's own."""
    device_kind: DeviceKind | Literal["external"]
    accelerator: str = ""
    """The owner's name for the kind of device, where a cluster has several: `L4`."""
    memory_bytes: int | None = None
    """Most that an order may allocate; None where the engine sets no limit."""
    busy_with: OrderId | None = None
    problem: str | None = None
    """The reason why it can take no order now: it has no machine yet, or one that does not fit."""
    study_id: str | None = None
    """The one study whose orders it takes, a trainer of that study's own; None: any other's."""

    @property
    def device_words(self) -> str:
        """The device and its kind, as they are stored with the slot's beats.

        >>> Slot(name="ray-0", device="cuda:0", device_kind="cuda", accelerator="L4").device_words
        'cuda:0 L4'

        """
        return f"{self.device} {self.accelerator}".strip()[:_LONGEST_WORDS]


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

    Trainers of users' own take one trial at a time, and are none of them.

    >>> slots = [Slot(name=f"cpu-{n}", device="cpu", device_kind="cpu") for n in range(2)]
    >>> capacity_of(slots)
    Capacity(slots=2, device_kind='cpu')

    """
    kinds = [slot.device_kind for slot in slots]
    kind: DeviceKind = "cuda" if "cuda" in kinds else "cpu"
    return Capacity(slots=max(1, kinds.count(kind)), device_kind=kind)
