"""The GPUs of this machine, asked of torch in a process that ends: the supervisor loads none."""

import subprocess
import sys
from typing import Final

_COUNT: Final = "import torch; print(torch.cuda.device_count())"


def require_gpus(wanted: int) -> None:
    """Refuse to start with more GPUs than there are: every order would fail on its slot.

    Raises:
        ValueError: if torch sees fewer.

    """
    if not wanted:
        return
    asked = subprocess.run([sys.executable, "-c", _COUNT], capture_output=True, text=True)
    found = asked.stdout.strip() or "0"
    if int(found) < wanted:
        raise ValueError(
            f"WIDTHWISE_GPUS is {wanted}, but torch sees {found} CUDA devices here: lower it (0"
            " trains on the cores), or install a CUDA build of torch and the driver"
        )
