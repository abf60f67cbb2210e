"""Settings of one process of the service, from the environment (WIDTHWISE_*)."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.cores import available_cores
from tuner.storage.sql.connections import sqlite_url
from workers.device.out_of_memory import SMALLEST_LIMIT_BYTES

PREFIX: Final = "WIDTHWISE_"


def _listed(given: Any) -> Any:  # noqa: ANN401  a variable's text, or a value as it is
    """The entries of a variable: a JSON list, or words between commas.

    >>> _listed("a.example, b.example")
    ['a.example', 'b.example']

    """
    if not isinstance(given, str):
        return given
    if given.lstrip().startswith(('["', "[]")):
        try:
            return json.loads(given)
        except json.JSONDecodeError:
            raise ValueError("neither a JSON list nor words between commas") from None
    return [entry.strip() for entry in given.split(",") if entry.strip()]


_LISTED = (NoDecode, BeforeValidator(_listed))


def _engine_by_address() -> Literal["local", "ray"]:
    return "ray" if os.environ.get("RAY_ADDRESS") else "local"


class Settings(BaseSettings):
    """Settings of one installation; everything about one study is in its spec."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    data_dir: Path = Path("widthwise-data")
    """Database (unless `database_url` names another), checkpoints, address file."""
    database_url: str = ""
    """`postgresql+psycopg://user:password@host/name`; default: SQLite under `data_dir`."""
    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65_535)
    """0 takes a free one; the address is printed and written to `<data_dir>/address`."""
    allowed_hosts: Annotated[tuple[str, ...], *_LISTED] = ("127.0.0.1", "localhost", "[::1]")
    """Host headers that are answered; others are refused (DNS rebinding)."""
    dataset_dirs: Annotated[tuple[str, ...], *_LISTED] = ()
    """Directories, and prefixes of URLs, that studies may name data files in. Default: none."""
    keyless: bool = False
    """Serve without keys where other machines can reach, because a proxy in front authenticates."""
    requests_per_minute: int = Field(default=30_000, ge=1)
    """Of a key that has no limit of its own."""
    access_log: bool = False
    """Log every request: method, path, status, milliseconds, request id."""
    engine: Literal["local", "ray"] = Field(default_factory=_engine_by_address)
    """Engine of orders: of this machine, or of the Ray cluster that `RAY_ADDRESS` names or that
    this machine is a node of. Default: `ray` where `RAY_ADDRESS` is set."""
    slots: int = Field(default_factory=available_cores, ge=1, le=1_024)
    """Trials that run at once. Default: one per core, of this machine or of the cluster."""
    gpus: int = Field(default=0, ge=0, le=64)
    """Train on so many GPUs instead of the cores; `slots` is not read then."""
    slots_per_gpu: int = Field(default=1, ge=1, le=64)
    """Cohorts that share a GPU, each with its part of the memory."""
    slot_memory_bytes: int | None = Field(default=None, ge=SMALLEST_LIMIT_BYTES)
    """Address space of one slot's process; a trial that needs more fails as out_of_memory."""

    slots_per_owner: int | None = Field(default=None, ge=1)
    """Orders of one owner that run at once; of each study where there are no owners."""
    webhook_hosts: Annotated[tuple[str, ...], *_LISTED] = ()
    """Hosts that webhooks may name though they are of this network, and by http. Default: none."""
    price_per_hour: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Of a GPU, or of a core where trials train on cores: what usage is multiplied by."""
    currency: str = Field(default="USD", min_length=1, max_length=8)
    """Of `price_per_hour`."""
    stall_seconds: float = Field(default=600.0, gt=0)
    """An order whose training takes no step for longer fails as timeout, and its process ends."""

    @property
    def says_slots(self) -> bool:
        """True if the number of slots was set."""
        return "slots" in self.model_fields_set

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
        """Directory or URI in which trials store their checkpoints."""
        return self.data_dir.resolve() / "checkpoints"


def settings_or_exit(program: str, **options: object) -> Settings:
    """Settings from the environment, and the options of a command line, which win over it.

    Ends the process with status 1 where one cannot be used, naming every variable or option, its
    value and what it may be.

    Args:
        program: as the user calls it.
        options: by field; None for one that was not given.

    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic reads them
    except ValidationError as error:
        sys.exit("\n".join(f"{program}: {line}" for line in _refusals(error, given)))


def _refusals(error: ValidationError, given: dict[str, object]) -> list[str]:
    lines = []
    for one in error.errors():
        field = str(one["loc"][0]) if one["loc"] else ""
        name = f"--{field.replace('_', '-')}" if field in given else f"{PREFIX}{field.upper()}"
        message = one["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
        lines.append(f"{name} is {one['input']!r}: {message}")
    return lines
