"""Clients find a service of this machine by the file that it writes its address to."""

import threading
from pathlib import Path

from service.up import note
from widthwise.address import find_address

ADDRESS = "http://127.0.0.1:40123"


def test_an_address_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    """Who read half of one would talk to the usual address, which may be another service's."""
    seen: set[str] = set()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            seen.add(find_address(None, tmp_path))

    note(ADDRESS, tmp_path)
    looking = threading.Thread(target=look)
    looking.start()
    for _ in range(2_000):
        note(ADDRESS, tmp_path)
    is_over.set()
    looking.join()
    assert seen <= {ADDRESS}
    assert [file.name for file in tmp_path.iterdir()] == ["address"]
