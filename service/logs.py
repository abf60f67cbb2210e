"""Configure the log of every process of the service: one line of key=value pairs to stderr."""

import logging
import sys
from contextlib import suppress
from typing import Final, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor

from parametrization.text.visible import visible
from tuner.spec.versions import INSTALLED

_OURS: Final = ("app", "service", "tuner", "workers")


class _Forgiving:
    """A stream that drops what cannot be written: a log on a full disk must end no process."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def configure_logs(process: str) -> None:
    """Send all that is logged to stderr, each with its time and the process it comes from.

    Lines of the standard library's loggers get the same form, with what their `extra` says under
    `fields`. Packages of others are heard from warnings on.
    """
    stream = cast("TextIO", _Forgiving(sys.stderr))
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = [
        structlog.processors.format_exc_info,
        _hidden_characters_escaped,
        structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "process", "event"], drop_missing=True
        ),
    ]
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*first, _with_fields],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for package in _OURS:
        logging.getLogger(package).setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    structlog.contextvars.bind_contextvars(process=process)


def _with_fields(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Add what a record's `extra` says of ids, and where the record comes from if not from us."""
    record: logging.LogRecord = event["_record"]
    if record.name.partition(".")[0] not in _OURS:
        event["logger"] = record.name
    event.update(getattr(record, "fields", {}))
    return event


def _hidden_characters_escaped(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Keep what users wrote from moving the cursor or ending the line; line breaks come next."""
    return {
        name: visible(value, keep="\n") if isinstance(value, str) else value
        for name, value in event.items()
    }


def log_plugins() -> None:
    """Say what installed packages bring, and what was left out and why."""
    log = structlog.get_logger()
    for field, plugins in INSTALLED.items():
        kind = field.removesuffix("s")
        for name, plugin in plugins.usable.items():
            log.info("plugin", **{kind: name}, package=plugin.package)
        for one in plugins.left_out:
            log.warning(
                "plugin left out", **{kind: one.name}, package=one.package, reason=one.reason
            )
