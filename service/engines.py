"""Build the engine that the settings name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.settings import Settings
from tuner.engine.protocol import Engine
from workers.engines.local import LocalEngine
from workers.engines.ray_cluster import joined_cluster


@contextmanager
def chosen_engine(settings: Settings) -> Iterator[Callable[[], Engine]]:
    """What makes the engine; a Ray cluster is joined for as long as the block lasts.

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
