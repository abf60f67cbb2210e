"""Configure the log of every process of the service: one line of key=value pairs to stderr."""

import logging
import sys

import structlog
from structlog.typing import EventDict

from parametrization.text.visible import visible
from tuner.spec.versions import INSTALLED


def configure_logs(process: str) -> None:
    """Send structlog's events to stderr, each with its time and the process it comes from."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _hidden_characters_escaped,
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "process", "event"]
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=process)


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
