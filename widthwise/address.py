"""Find the service's address: the user's, else that of `widthwise up`, else the default."""

from pathlib import Path
from typing import Final

DEFAULT_ADDRESS: Final = "http://127.0.0.1:8321"
DEFAULT_DATA_DIR: Final = Path("widthwise-data")


def find_address(given: str | None, data_dir: Path = DEFAULT_DATA_DIR) -> str:
    """Address to talk to, without a trailing slash.

    A running `widthwise up` keeps its address, as plain text, in the file `address` of its
    data directory.

    Args:
        given: what the user named, with or without a scheme; wins if it is not empty.
        data_dir: where a service of this directory would keep its data.

    """
    if given:
        return (given if "://" in given else f"http://{given}").rstrip("/")
    try:
        written = (data_dir / "address").read_text(encoding="utf-8").strip()
    except OSError:
        written = ""
    return written.rstrip("/") or DEFAULT_ADDRESS
