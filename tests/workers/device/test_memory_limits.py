"""What a worker may allocate, and what a GPU's driver maps before that is counted."""

import mmap
import subprocess
import sys

import pytest

MIB = 2**20
MAPPING_FIRST = """
import mmap
from workers.device.out_of_memory import data_bytes, limit_memory
before = data_bytes()
driver = mmap.mmap(-1, 900 * 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
taken = data_bytes() - before
limit_memory(before + 64 * 2**20, beside_bytes=taken)
mmap.mmap(-1, 32 * 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
try:
    mmap.mmap(-1, 128 * 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
except OSError:
    print(taken)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits count what Linux counts")
def test_a_limit_leaves_out_what_a_driver_had_mapped_before() -> None:
    """A CUDA context maps gigabytes: a limit that counted them would fail every order."""
    ran = subprocess.run(
        [sys.executable, "-c", MAPPING_FIRST], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) >= 900 * MIB
    assert mmap.PAGESIZE <= int(ran.stdout) - 900 * MIB + mmap.PAGESIZE < 16 * MIB
