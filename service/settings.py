"""Settings of one process of the service, from the environment (WIDTHWISE_*)."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from tuner.storage.sql.connections import sqlite_url


def _available_cores() -> int:
    return len(os.sched_getaffinity(0))


class Settings(BaseSettings):
    """What differs between installations; everything about one study is in its spec."""

    model_config = SettingsConfigDict(env_prefix="WIDTHWISE_", frozen=True)

    data_dir: Path = Path("widthwise-data")
    """Database (unless `database_url` names another), checkpoints, address file."""
    database_url: str = ""
    """`postgresql+psycopg://user:password@host/name`; default: SQLite under `data_dir`."""
    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65_535)
    """0 takes a free one; the address is printed and written to `<data_dir>/address`."""
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    """Host headers that are answered; others are refused (DNS rebinding)."""
    dataset_dirs: tuple[Path, ...] = ()
    """Directories that studies may name data files in. Default: none."""
    slots: int = Field(default_factory=_available_cores, ge=1, le=1_024)
    """Trials that run at once on this machine. Default: one per core."""
    gpus: int = Field(default=0, ge=0, le=64)
    """Train on so many GPUs instead of the cores; `slots` is not read then."""
    slots_per_gpu: int = Field(default=1, ge=1, le=64)
    """Cohorts that share a GPU, each with its part of the memory."""
    slot_memory_bytes: int | None = Field(default=None, ge=2**28)
    """Address space of one slot's process; a trial that needs more fails as out_of_memory."""

    stall_seconds: float = Field(default=600.0, gt=0)
    """An order whose training takes no step for longer fails as timeout, and its process ends."""

    @property
    def places(self) -> int:
        """Slots in all."""
        return self.gpus * self.slots_per_gpu or self.slots

    @property
    def url(self) -> str:
        """The database's address."""
        return self.database_url or sqlite_url(self.data_dir.resolve() / "widthwise.db")

    @property
    def tasks_dir(self) -> Path:
        """Registrations of users' own tasks."""
        return self.data_dir.resolve() / "tasks"

    @property
    def checkpoint_dir(self) -> Path:
        """Where trials store their state at rungs."""
        return self.data_dir.resolve() / "checkpoints"
