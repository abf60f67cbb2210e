"""Define the API process's settings; everything about one study is in its spec."""

from pathlib import Path

from pydantic import Field, PositiveFloat, PositiveInt

from parametrization.recommendation.record import Record


class AppSettings(Record):
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
    """Names under which this service may be addressed; a Host header with another is refused."""
    dataset_dirs: tuple[Path | str, ...] = ()
    """Directories, and prefixes of URLs, that studies may name data files in."""
    requests_per_minute: PositiveInt = 30_000
    """Requests a minute of a key without a limit of its own; leases and reports are not counted."""
    access_log: bool = False
    """Write a line about every request."""
    max_body_bytes: PositiveInt = 1_000_000
    sse_poll_seconds: PositiveFloat = 0.5
    """Seconds between two readings of the event table while a stream is open."""
    coordinator_silence_seconds: float = Field(default=15.0, gt=0)
    """A coordinator not heard of for longer is reported as stopped."""
    slots_per_owner: PositiveInt | None = None
    """Orders of one owner that may run at once."""
    webhook_hosts: tuple[str, ...] = ()
    """Hosts that webhooks may name though they are private, and by http."""
    price_per_hour: float | None = Field(default=None, ge=0)
    """Price of an hour of a GPU, or of a core where trials train on cores; None: not known."""
    currency: str = "USD"
    slots_per_gpu: PositiveInt | None = None
    """Slots that share a GPU; None where slots are cores."""
