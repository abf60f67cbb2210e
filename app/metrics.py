"""Count studies, trials and slots for `/metrics`, from the database as they are asked for."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.liveness import COORDINATOR, Liveness, age_seconds, liveness
from tuner.records.errors import StorageUnavailable
from tuner.spec.states import StudyState
from tuner.storage.heartbeats import WorkerRecord, workers
from tuner.storage.sql.database import Database
from tuner.storage.trials.totals import Totals, totals

_PREFIX = "widthwise_"


def registry_of(database: Database, silence_seconds: float) -> CollectorRegistry:
    """Every metric of one API process, on a registry of its own.

    Args:
        silence_seconds: after which a slot that was not heard of counts as silent.

    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(StoredMetrics(database, silence_seconds))
    return registry


class StoredMetrics(Collector):
    """Gauges of one database; where it cannot be read they are left out, and `up` is 0."""

    def __init__(self, database: Database, silence_seconds: float) -> None:
        self._database = database
        self._silence_seconds = silence_seconds

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """No metrics: registering them must not read the database before it can be served."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Every gauge."""
        up = GaugeMetricFamily(f"{_PREFIX}database_up", "1 if the database can be read.")
        try:
            with self._database.read() as session:
                stored, known = totals(session), workers(session)
        except StorageUnavailable:
            up.add_metric((), 0)
            return [up]
        up.add_metric((), 1)
        return [up, *_of_studies(stored), *self._of_workers(known)]

    def _of_workers(self, known: Iterable[WorkerRecord]) -> Iterable[GaugeMetricFamily]:
        now, silence = dt.datetime.now(dt.UTC), self._silence_seconds
        slots = Counter(liveness(one, now, silence) for one in known if one.name != COORDINATOR)
        yield _gauge(
            "slots",
            "Slots that have ever reported, by how they are.",
            "liveness",
            {how.value: slots[how] for how in Liveness},
        )
        busy = sum(one.order_id is not None for one in known if one.name != COORDINATOR)
        yield _gauge("slots_busy", "Slots that last said they run an order.", None, {"": busy})
        for one in known:
            if one.name == COORDINATOR:
                yield _gauge(
                    "coordinator_heartbeat_age_seconds",
                    "Since the leading coordinator was last heard of.",
                    None,
                    {"": age_seconds(one, now)},
                )


def _of_studies(stored: Totals) -> Iterable[GaugeMetricFamily]:
    states = {state.value: stored.studies.get(state, 0) for state in StudyState}
    yield _gauge("studies", "Studies by state.", "state", states)
    yield _gauge(
        "orders_open", "Orders that run or wait for a slot.", None, {"": stored.open_orders}
    )
    yield _gauge(
        "trials_active",
        "Trials of the studies that are not over, by state.",
        "state",
        dict(sorted(stored.trials.items())),
    )
    yield _gauge(
        "coordinator_epoch", "Coordinators that have led so far.", None, {"": stored.epoch}
    )
    yield _gauge("events", "Number of the newest event stored.", None, {"": stored.events})


def _gauge(
    name: str, words: str, label: str | None, values: Mapping[str, float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{_PREFIX}{name}", words, labels=[label] if label else [])
    for value, number in values.items():
        family.add_metric([value] if label else [], number)
    return family
