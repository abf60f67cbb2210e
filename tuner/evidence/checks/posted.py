"""Say which statistics of a coordinate check are still to come that is posted by its owner."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from tuner.records.snapshot import OptimizerStatistic, StudyRecord
from tuner.spec.optimizers.name import Optimizer


class Awaited(NamedTuple):
    """A width that cannot be judged yet."""

    optimizer: Optimizer
    width: int
    words: str
    """What is missing there."""


def awaited_statistics(
    study: StudyRecord, statistics: Iterable[OptimizerStatistic]
) -> Iterator[Awaited]:
    """Optimizers and widths whose statistics are not all there, the widest first.

    They may come in several requests, so that one is not taken for all: a width is there once as
    many seeds as the study checks have every trained tensor of its shapes, and no seed lacks one
    that another has. Sent seed by seed, the last request alone fulfils that. None where the study
    skips its check.
    """
    if study.spec.family.skips_check:
        return
    trained = {one.name for one in study.shape.tensors if not one.kept} if study.shape else set()
    seen: dict[tuple[str, int], dict[int, set[str]]] = {}
    for one in statistics:
        seeds = seen.setdefault((one.optimizer, one.width), {})
        seeds.setdefault(one.seed, set()).add(one.tensor)
    for config, width in product(study.spec.optimizers, reversed(study.spec.check_widths)):
        wanted, seeds = study.spec.check_seeds(config.name), seen.get((config.name, width), {})
        needed = trained.union(*seeds.values())
        lacking = {seed: needed - names for seed, names in seeds.items() if needed - names}
        if lacking:
            seed = min(lacking)
            yield Awaited(config.name, width, f"{min(lacking[seed])} of seed {seed}")
        elif len(seeds) < wanted:
            yield Awaited(config.name, width, f"{wanted - len(seeds)} of {wanted} seeds")
