"""Show a worker one GPU alone, which is its `cuda:0`."""

from collections.abc import Mapping
from typing import Final

FIRST: Final = "cuda:0"
"""torch's name of the only GPU that a process sees."""
_VARIABLE: Final = "CUDA_VISIBLE_DEVICES"
_WORKSPACE: Final = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
"""The same for every stream: a recorded product then adds in the order of one that is not."""


def seeing_only(device: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables with which a process sees this device and no other GPU.

    Libraries and recordings use the current device, which is the first one that they see: a process
    that saw several would record an empty graph on the first for work on another.

    Args:
        device: torch's name in this process, `cpu` or `cuda:N`.
        environment: of this process, which may itself see some GPUs alone.

    Raises:
        ValueError: if there is no such GPU among those that this process may see.

    >>> seeing_only("cuda:1", {"CUDA_VISIBLE_DEVICES": "4,6"})["CUDA_VISIBLE_DEVICES"]
    '6'

    """
    if device == "cpu":
        return {_VARIABLE: ""}
    number = int(device.partition(":")[2] or 0)
    if _VARIABLE not in environment:
        return _WORKSPACE | {_VARIABLE: str(number)}
    listed = [one.strip() for one in environment[_VARIABLE].split(",") if one.strip()]
    if number >= len(listed):
        raise ValueError(
            f"WIDTHWISE_GPUS asks for GPU {number}, and {_VARIABLE}={environment[_VARIABLE]!r}"
            f" shows {len(listed)}: lower WIDTHWISE_GPUS, or show more"
        )
    return _WORKSPACE | {_VARIABLE: listed[number]}
