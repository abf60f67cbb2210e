"""Store a machine's probe results, so that a study run again is packed the same."""

import hashlib
import os
import platform
from pathlib import Path

import torch

from parametrization.recommendation.record import Record
from tuner.engine.orders import ProbeOrder
from tuner.engine.packing import Packing
from workers.device.gpu_memory import usable_bytes


class Probed(Record):
    """Measurements of trials of one shape."""

    solo_seconds: float
    """Of one step of one trial."""
    packing: Packing | None = None
    """None as long as such trials took too little time to look for one."""


def memory_of(order: ProbeOrder, most: int, device: str, folder: Path) -> Path:
    """The file for the order's shape, in `most` trials at once."""
    return folder / "probes" / f"{fingerprint(order, most, _place(torch.device(device)))}.json"


def recall(path: Path) -> Probed | None:
    """The stored measurements; None if there are none that can be read."""
    if not path.exists():
        return None
    try:
        return Probed.model_validate_json(path.read_text(), extra="ignore")
    except ValueError:  # damaged, or another release's: measured again
        return None


def remember(path: Path, probed: Probed) -> None:
    """Write it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(probed.model_dump_json())
    unfinished.replace(path)


def fingerprint(order: ProbeOrder, most: int, place: tuple[object, ...]) -> str:
    """A hash of everything that the answer depends on: shape, machine, software.

    Args:
        place: as `_place` describes it.

    """
    model = order.trial.model
    parts = (
        model.family.model_dump_json(),
        model.width,
        order.trial.optimizer,
        order.trial.training.batch_size,
        order.trial.training.precision,
        most,
        *place,
        platform.machine(),
        torch.backends.cpu.get_cpu_capability(),
        torch.__version__,
        tuple(Probed.model_fields),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _place(device: torch.device) -> tuple[object, ...]:
    """The machine; of a GPU its name and what of its memory is the slot's: as many trials fit."""
    if device.type == "cpu":
        return (platform.node(),)
    return (torch.cuda.get_device_name(device), usable_bytes(device))
