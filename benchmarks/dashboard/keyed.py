"""Make a service that asked for no key ask for one: its pages then lead to the one to log in on."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import httpx

_PATIENCE_SECONDS: Final = 30.0


def require_keys(address: str, data_dir: Path) -> None:
    """Make the service's first key, and wait until it is needed.

    Raises:
        SystemExit: if it is not needed in time.

    """
    command = [sys.executable, "-m", "service.access.keys", "create", "--owner", "operator"]
    made = [*command, "--data-dir", str(data_dir)]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if httpx.get(f"{address}/v1/me", trust_env=False).status_code == 401:
            return
        time.sleep(0.2)
    raise SystemExit("the service does not ask for its key")
