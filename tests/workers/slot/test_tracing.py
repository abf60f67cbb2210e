"""An order's span in its worker is within the one that it was handed over in."""

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tests.workers.specs import train_order
from tuner.engine.tracing import (
    ORDER,
    STUDY,
    Handed,
    about,
    exporter_name,
    handed,
    note_failure,
    span,
    start_tracing,
    trace_with,
)

GRPC = "otlp_proto_grpc"


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    """Spans that have ended."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace_with(provider.get_tracer("tests").start_as_current_span)
    yield exporter
    trace_with(None)


def by_name(exported: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """Every span, all of other names."""
    return {one.name: one for one in exported.get_finished_spans()}


def test_what_a_worker_does_is_within_the_span_that_handed_the_order_over(
    exported: InMemorySpanExporter,
) -> None:
    order = train_order()
    with span("start train order", about(order)):
        sent = handed(order).model_dump_json()
    got = Handed.model_validate_json(sent)
    with span("train order", about(got.order), parent=got.trace):
        pass
    spans = by_name(exported)
    started, trained = spans["start train order"], spans["train order"]
    assert got.order == order
    assert trained.parent is not None
    assert started.context is not None
    assert (trained.parent.trace_id, trained.parent.span_id) == (
        started.context.trace_id,
        started.context.span_id,
    )
    for one in (started, trained):
        assert one.attributes is not None
        assert (one.attributes[STUDY], one.attributes[ORDER]) == (order.study_id, order.id)


def test_an_order_that_is_passed_on_keeps_the_span_of_its_sender(
    exported: InMemorySpanExporter,
) -> None:
    with span("start", {}):
        first = handed(train_order())
    assert first.trace
    assert handed(first.order, first.trace).trace == first.trace


def test_a_failure_is_the_status_of_its_span(exported: InMemorySpanExporter) -> None:
    with span("train order", {}):
        note_failure("no room for the trial")
    status = by_name(exported)["train order"].status
    assert (status.status_code, status.description) == (StatusCode.ERROR, "no room for the trial")


def test_where_nothing_is_traced_an_order_carries_nothing() -> None:
    with span("start", {}):
        note_failure("nobody hears of it")
        assert handed(train_order()).trace == {}


def test_opentelemetry_is_not_loaded_where_no_variable_asks_for_it() -> None:
    program = (
        "import sys; from tuner.engine.tracing import *; start_tracing('worker', {});\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, None),
        ({"OTEL_SERVICE_NAME": "widthwise"}, None),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, "otlp_proto_http"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp_proto_http"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "otlp_proto_grpc",
        ),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, None),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, None),
    ],
)
def test_the_usual_variables_say_where_spans_go(environ: dict[str, str], name: str | None) -> None:
    assert exporter_name(environ) == name


def test_an_exporter_that_is_not_there_is_named_with_the_remedy(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        start_tracing("api", {"OTEL_TRACES_EXPORTER": "pigeon"})
    assert "exporter pigeon" in caplog.text
    assert "install the extra `telemetry`" in caplog.text
    assert handed(train_order()).trace == {}
