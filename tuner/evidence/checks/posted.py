"""List the statistics that are still to come of a coordinate check that its owner posts."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from parametrization.check.slopes import MODEL_OUTPUT, measured_tensor
from parametrization.check.verdict import checked_tensors
from tuner.engine.reports import CoordinateStatistic
from tuner.records.snapshot import OptimizerStatistic, StudyRecord
from tuner.spec.optimizers.name import Optimizer


class Awaited(NamedTuple):
    """A width that cannot be judged yet."""

    optimizer: Optimizer
    width: int
    words: str
    """The missing statistics: a tensor and seed, or a number of seeds."""


def awaited_statistics(
    study: StudyRecord, statistics: Iterable[OptimizerStatistic]
) -> Iterator[Awaited]:
    """Optimizers and widths whose statistics are not all there, the widest first.

    Statistics may come in several requests. A width is complete once as many seeds as the study
    checks have every trained tensor of its shapes, and every other name that any seed has at any
    width: activations and logits, which the shapes do not name. Empty if the study skips its check.
    """
    if study.spec.family.skips_check:
        return
    trained = {one.name for one in study.shape.tensors if not one.kept} if study.shape else set()
    seen: dict[tuple[str, int], dict[int, set[str]]] = {}
    for one in statistics:
        seeds = seen.setdefault((one.optimizer, one.width), {})
        seeds.setdefault(one.seed, set()).add(one.tensor)
    named: dict[str, set[str]] = {}
    for (optimizer, _), seeds in seen.items():
        named[optimizer] = named.get(optimizer, trained).union(*seeds.values())
    for config, width in product(study.spec.optimizers, reversed(study.spec.check_widths)):
        wanted, seeds = study.spec.check_seeds(config.name), seen.get((config.name, width), {})
        needed = named.get(config.name, trained)
        lacking = {seed: needed - names for seed, names in seeds.items() if needed - names}
        if lacking:
            seed = min(lacking)
            yield Awaited(config.name, width, f"{min(lacking[seed])} of seed {seed}")
        elif len(seeds) < wanted:
            yield Awaited(config.name, width, f"{wanted - len(seeds)} of {wanted} seeds")


def unchecked_statistics(
    study: StudyRecord, statistics: Sequence[CoordinateStatistic]
) -> Iterator[tuple[tuple[int, str], str]]:
    """(Number and field, what to change) of statistics that the study's check has no place for.

    Those are statistics at widths that are not checked, and of unknown tensors. Empty if the
    service runs the check itself.
    """
    if not study.spec.family.is_external:
        return
    assert study.shape is not None, "the specification brought it"
    widths = study.spec.check_widths
    names = {one.tensor for one in statistics}
    known = {tensor.name for tensor in checked_tensors(study.shape, names)}
    for number, one in enumerate(statistics):
        if one.width not in widths:
            listed = ", ".join(map(str, widths))
            yield (number, "width"), f"{one.width} is not checked: the study's widths are {listed}"
        if measured_tensor(one.tensor) not in known:
            yield (
                (number, "tensor"),
                f"{one.tensor[:80]!r} is no tensor of the study's shapes, and no activation such as"
                f" {MODEL_OUTPUT!r}: name it as the shapes do",
            )
