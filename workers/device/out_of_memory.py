"""Turn running out of memory into an error that names what asked for too much."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from parametrization.text.errors import error_text

MIB: Final = 2**20
SMALLEST_LIMIT_BYTES: Final = 384 * MIB
"""Below, a worker has no room beside torch itself, which takes about 230 MiB."""

_PHRASES: Final = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "std::bad_alloc",
    "_alloc_failed",  # CUBLAS_STATUS_ALLOC_FAILED; cuDNN, cuFFT, cuSOLVER and cuSPARSE likewise
    "internal_error_device_allocation_failed",  # cuDNN 9
    "when calling `cublascreate",  # whatever the status: a handle is memory first of all
    "when calling `cusolverdncreate",
    "unable to find an engine to execute",  # cuDNN had room for no convolution's workspace
    "unable to find a valid cudnn algorithm",
)
"""Words of torch's RuntimeErrors that say it: on the CPU they have no class of their own, and
CUDA's libraries allocate for themselves."""


class OutOfMemory(Exception):
    """The work at hand needs more memory than its slot has."""

    def __init__(self, what: str) -> None:
        limit = _limit_bytes()
        slot = "the slot" if limit is None else f"the slot (limited to {limit // MIB} MiB)"
        super().__init__(
            f"{what} does not fit into the memory of {slot}: lower training.batch_size, the"
            " family's context or depth, or the widths, or give each slot more memory"
        )


def require_limit(limit_bytes: int | None) -> None:
    """Refuse a limit that no worker could start within.

    Raises:
        ValueError: if it leaves no room beside torch.

    """
    if limit_bytes is not None and limit_bytes < SMALLEST_LIMIT_BYTES:
        raise ValueError(
            f"memory_limit_bytes must be at least {SMALLEST_LIMIT_BYTES}"
            f" ({SMALLEST_LIMIT_BYTES // MIB} MiB: torch itself takes most of it),"
            f" got {limit_bytes}"
        )


def limit_memory(limit_bytes: int, *, beside_bytes: int = 0) -> None:
    """Make this process's allocations fail beyond `limit_bytes`, torch itself included.

    Counts private writable memory (RLIMIT_DATA), not address space: libraries map far more of
    that than they use.

    Args:
        beside_bytes: that a GPU's driver has mapped, which is no memory of the trials'.

    """
    limit_bytes += beside_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))


def data_bytes() -> int:
    """Private writable memory of this process, as `limit_memory` counts it; 0 off Linux."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    (line,) = (one for one in status.splitlines() if one.startswith("VmData:"))
    return int(line.split()[1]) * 1024


def free_bytes() -> int:
    """Memory of this machine that programs can have without others giving up any; 0 off Linux."""
    try:
        status = Path("/proc/meminfo").read_text()
    except OSError:
        return 0
    found = [line for line in status.splitlines() if line.startswith("MemAvailable:")]
    return int(found[0].split()[1]) * 1024 if found else 0


def is_out_of_memory(error: BaseException) -> bool:
    """True if the error says that an allocation failed."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        phrase in error_text(error).lower() for phrase in _PHRASES
    )


@contextmanager
def naming_what_is_too_large(what: str) -> Iterator[None]:
    """Turn a failed allocation inside into `OutOfMemory` about `what`."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise OutOfMemory(what) from error
        raise


def _limit_bytes() -> int | None:
    limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
    return None if limit == resource.RLIM_INFINITY else limit
