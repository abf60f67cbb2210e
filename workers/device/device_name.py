"""Name the model of a device, by which measurements of one are told from those of another."""

import platform
from functools import cache
from pathlib import Path

import torch

_CPUINFO = Path("/proc/cpuinfo")


def device_name(device: str, accelerator: str = "") -> str:
    """The model of a GPU, in its maker's words, or of the processor.

    Args:
        device: torch's name of it.
        accelerator: what the machine's owner calls its kind; for processors, whose own names often
            say less, it goes before them.

    """
    if device != "cpu":
        return torch.cuda.get_device_name(device)
    return accelerator or _processor()


@cache
def _processor() -> str:
    """Empty where the system does not say."""
    if not _CPUINFO.exists():
        return platform.processor()
    lines = _CPUINFO.read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
