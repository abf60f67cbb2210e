"""Make spans of decisions, orders and reports, where OpenTelemetry is set up.

OpenTelemetry is an extra: it is imported only where its own variables say where spans go.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import entry_points, version
from typing import Any, Final, TypeAlias

from parametrization.recommendation.record import Record
from tuner.engine.orders import AnyOrder, Order

Starts: TypeAlias = Callable[..., AbstractContextManager[Any]]
"""A tracer's `start_as_current_span`."""

STUDY: Final = "widthwise.study"
ORDER: Final = "widthwise.order"
"""Names of the attributes that join spans of all processes."""
_DESTINATIONS: Final = (
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_LAST_MILLISECONDS: Final = 2_000
"""The longest that a process which has to end goes on sending its spans."""

log = logging.getLogger(__name__)
_starts: Starts | None = None


class Handed(Record):
    """An order as a worker gets it, and the span that it was handed over in."""

    order: Order
    trace: Mapping[str, str] = {}
    """Headers of W3C Trace Context; none where nothing is traced."""


def handed(order: AnyOrder, trace: Mapping[str, str] | None = None) -> Handed:
    """The order with these headers, or with those of the current span."""
    return Handed(order=order, trace=_headers() if trace is None else trace)


def about(order: AnyOrder) -> dict[str, str | int]:
    """An order's attributes."""
    return {STUDY: order.study_id, ORDER: order.id, "widthwise.attempt": order.attempt}


def span(
    name: str,
    attributes: Mapping[str, str | int | Sequence[str]],
    *,
    parent: Mapping[str, str] | None = None,
) -> AbstractContextManager[None]:
    """A span around a block, within the current one; nothing where nothing is traced.

    Args:
        parent: headers of the span of another process that it is within.

    """
    return nullcontext() if _starts is None else _traced(_starts, name, attributes, parent)


@contextmanager
def _traced(
    starts: Starts, name: str, attributes: Mapping[str, Any], parent: Mapping[str, str] | None
) -> Iterator[None]:
    from opentelemetry.propagate import extract

    context = extract(parent) if parent else None
    with starts(name, context, attributes=attributes):
        yield


def note_failure(words: str) -> None:
    """Mark the current span as one of something that failed."""
    if _starts is not None:
        from opentelemetry.trace import StatusCode, get_current_span

        get_current_span().set_status(StatusCode.ERROR, words)


def _headers() -> dict[str, str]:
    headers: dict[str, str] = {}
    if _starts is not None:
        from opentelemetry.propagate import inject

        inject(headers)
    return headers


def trace_with(starts: Starts | None) -> None:
    """Make spans with this tracer's method from now on, or none."""
    global _starts
    _starts = starts


def start_tracing(process: str, environ: Mapping[str, str]) -> None:
    """Set OpenTelemetry up as its variables say; nothing if they name no place for spans.

    Where it cannot be, the log says why, and the process goes on without spans.

    Args:
        process: `api`, `tuner` or `worker`; names the service where `OTEL_SERVICE_NAME` does not.

    """
    name = exporter_name(environ)
    if name is None:
        return
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        (found,) = entry_points(group="opentelemetry_traces_exporter", name=name)
        exporter = found.load()()
    except (ImportError, ValueError) as error:
        log.warning(
            "no spans: the exporter %s cannot be used (%s): install the extra `telemetry`,"
            " or the package of that exporter, or take the OTEL_ variables out",
            name,
            error,
        )
        return
    service = environ.get("OTEL_SERVICE_NAME") or f"widthwise-{process}"
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)  # FastAPI makes its spans with it
    trace_with(trace.get_tracer("widthwise", version("widthwise")).start_as_current_span)


def exporter_name(environ: Mapping[str, str]) -> str | None:
    """Name of the exporter that the variables ask for; None if they ask for none.

    >>> exporter_name({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})
    'otlp_proto_http'

    """
    name = environ.get("OTEL_TRACES_EXPORTER", "otlp")
    is_off = name == "none" or environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_off or not any(environ.get(one) for one in _DESTINATIONS):
        return None
    if name != "otlp":
        return name
    protocol = next(filter(None, map(environ.get, _PROTOCOLS)), "http/protobuf")
    return "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"


def send_spans() -> None:
    """Send what is still here, before a process ends without Python's own ending."""
    if _starts is not None:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.trace import get_tracer_provider

        provider = get_tracer_provider()
        if isinstance(provider, TracerProvider):
            provider.force_flush(_LAST_MILLISECONDS)
