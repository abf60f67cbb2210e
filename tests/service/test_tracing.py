"""The whole service traced: what its processes send to a collector is joined."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.patience import PATIENCE_SECONDS
from tests.service.running import RunningService, wait_for
from tuner.engine.tracing import ORDER, STUDY

pytestmark = pytest.mark.slow

SECRET = "a" * 32
"""Of a share link."""

OF_TUNER = {"store decision", "start orders", "start train order", "store reports"}
OF_WORKER = {"describe order", "check order", "train order"}

SPEC = {
    "family": {"name": "mlp", "depth": 2},
    "target": {"width": 64},
    "proxy_width": 16,
    "training": {"steps": 20, "batch_size": 32},
    "search": {"trials": 2, "batch_size": 2, "pruner": "none"},
    "on_failed_check": "warn",
}


class Span(NamedTuple):
    """A span as it was sent."""

    process: str
    name: str
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    attributes: dict[str, str]


class Collector(NamedTuple):
    """Where spans are sent to."""

    address: str
    spans: list[Span]

    def named(self, name: str) -> list[Span]:
        """Those of a name, once there are any."""

        def found() -> list[Span] | None:
            return [span for span in self.spans if span.name == name] or None

        return wait_for(f"a span {name}", found)


def spans_of(body: bytes) -> Iterator[Span]:
    """The spans of a request of OTLP over HTTP."""
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        told = {one.key: one.value.string_value for one in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                attributes = {one.key: one.value.string_value for one in span.attributes}
                yield Span(
                    told["service.name"],
                    span.name,
                    span.trace_id,
                    span.span_id,
                    span.parent_span_id,
                    attributes,
                )


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector of this process."""
    spans: list[Span] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            spans.extend(spans_of(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Collector(f"http://127.0.0.1:{server.server_port}", spans)
        server.shutdown()


def test_requests_decisions_and_orders_are_spans_joined_by_study_and_order(tmp_path: Path) -> None:
    with collecting() as collector:
        service = RunningService(
            tmp_path / "data",
            slots=1,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.address,
            OTEL_BSP_SCHEDULE_DELAY="100",
            OTEL_EXPORTER_OTLP_TIMEOUT=f"{PATIENCE_SECONDS:.0f}",
        )
        try:
            study_id = service.submit(SPEC)
            trained = collector.named("train order")
            asked = collector.named("POST /v1/studies")
            for name in (*OF_TUNER, *OF_WORKER):
                collector.named(name)
            parents = {span.parent_id for span in trained}
            wait_for(
                "what handed the orders over",
                lambda: parents <= {one.span_id for one in collector.named("start train order")},
            )
            service.http.get(f"/shared/{SECRET}")
        finally:
            service.stop()
    assert [one.attributes[STUDY] for one in asked] == [study_id]
    asked_for = {one.attributes.get("url.path", "") for one in collector.spans}
    assert "/v1/studies" in asked_for
    assert not [path for path in asked_for if path == "/healthz" or SECRET in path]
    by_process: dict[str, set[str]] = defaultdict(set)
    for span in collector.spans:
        by_process[span.process].add(span.name)
    assert {"POST /v1/studies"} <= by_process["widthwise-api"]
    assert by_process["widthwise-tuner"] >= OF_TUNER
    assert by_process["widthwise-worker"] >= OF_WORKER
    started = {one.span_id: one for one in collector.spans if one.name == "start train order"}
    for span in trained:
        sender = started[span.parent_id]
        assert sender.process == "widthwise-tuner"
        assert sender.trace_id == span.trace_id
        assert sender.attributes[ORDER] == span.attributes[ORDER]
        assert sender.attributes[STUDY] == span.attributes[STUDY] == study_id
