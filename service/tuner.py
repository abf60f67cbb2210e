"""The coordinator process: leads the database's studies, runs trials on an engine's slots."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import optuna
import structlog

from service.devices import require_gpus
from service.health import alive_until
from service.lifeline import StopRequest
from service.logs import configure_logs, log_plugins
from service.opened import open_or_exit
from service.pulse import beat_of
from service.settings import Settings, settings_or_exit
from tuner.coordinator.external_engine import ExternalEngine
from tuner.coordinator.leadership import leadership
from tuner.coordinator.reconcile import run
from tuner.coordinator.webhooks.deliveries import delivering
from tuner.engine.checkpoints import FileCheckpoints
from tuner.engine.composite import CompositeEngine
from tuner.engine.protocol import Engine
from tuner.engine.tracing import start_tracing
from tuner.records.errors import LeadershipLost
from tuner.spec.families.registered_tasks import REGISTERED
from tuner.storage.sql.database import Database
from workers.engines.local import LocalEngine
from workers.engines.ray_cluster import ClusterUnfit, ClusterUnreachable, joined_cluster
from workers.slot.process import follow_parent_into_death, keep_loaded

GATHER_SECONDS: Final = 0.25
"""Between two looks at what trainers of users' own have reported: one that waits for a decision
asks again after a second."""

log = structlog.get_logger()


@contextmanager
def chosen_engine(settings: Settings) -> Iterator[Callable[[], Engine]]:
    """A factory of the engine; a Ray cluster is joined for as long as the block lasts.

    Raises:
        ClusterUnreachable: if there is no cluster to join.

    """
    if settings.engine == "local":
        yield lambda: _local(settings)
        return
    with joined_cluster():
        yield lambda: _ray(settings)


def _local(settings: Settings) -> Engine:
    return LocalEngine(
        settings.places,
        settings.checkpoint_dir,
        settings.slot_memory_bytes,
        gpus=settings.gpus,
        dataset_dirs=settings.dataset_dirs,
        stall_seconds=settings.stall_seconds,
    )


def _ray(settings: Settings) -> Engine:
    from workers.engines.ray_engine import RayEngine  # needs Ray, which is an extra

    return RayEngine(
        settings.checkpoint_dir,
        settings.slot_memory_bytes,
        slots=settings.slots if settings.says_slots else None,
        gpus=settings.gpus,
        slots_per_gpu=settings.slots_per_gpu,
        dataset_dirs=settings.dataset_dirs,
        stall_seconds=settings.stall_seconds,
    )


def main() -> None:
    """Coordinate until SIGTERM; SIGINT is left to the supervisor, if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parent", type=int, help="process id to live and die with")
    parser.add_argument(
        "--alive", type=Path, help="a file to touch while at work, for `python -m service.health`"
    )
    parser.add_argument("--heartbeat", type=int, help="descriptor to beat in")
    arguments = parser.parse_args()
    beat = beat_of(arguments.heartbeat)
    if arguments.parent:
        follow_parent_into_death(arguments.parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stop = StopRequest(signal.SIGTERM, beat=beat)
    else:
        stop = StopRequest(signal.SIGTERM, signal.SIGINT, beat=beat)
    should_stop = stop if arguments.alive is None else alive_until(stop, arguments.alive)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGINT, signal.SIGCHLD])
    configure_logs("tuner")
    log_plugins()
    start_tracing("tuner", os.environ)
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    settings = settings_or_exit("service.tuner")
    if settings.engine == "local" and not arguments.parent:  # whose supervisor has looked
        try:
            require_gpus(settings.gpus)
        except ValueError as error:
            sys.exit(f"service.tuner: {error}")
    REGISTERED.read_from(settings.tasks_dir)
    settings.checkpoint_dir.mkdir(parents=True, exist_ok=True)
    database = open_or_exit("service.tuner", settings.url)

    def build_engine(leading: Database) -> Engine:
        trainers = ExternalEngine(leading, ahead=True, gather_seconds=GATHER_SECONDS)
        return CompositeEngine(build_workers(), trainers)

    try:
        # Joined before leading: a leader must not wait for a cluster.
        with (
            chosen_engine(settings) as build_workers,
            leadership(settings.url, should_stop) as held,
        ):
            if held is None:
                return
            log.info("leading", engine=settings.engine, process_id=os.getpid())
            keep_loaded()
            with delivering(database, settings.webhook_hosts):
                run(
                    database,
                    held,
                    build_engine,
                    should_stop,
                    FileCheckpoints(settings.checkpoint_dir),
                    settings.slots_per_owner,
                )
    except LeadershipLost as error:
        sys.exit(f"leadership lost: {error}")
    except (ClusterUnreachable, ClusterUnfit) as error:
        sys.exit(f"service.tuner: {error}")
    database.close()


if __name__ == "__main__":
    main()
