"""Serve the catalogue: families, optimizers, schedules, datasets, with what they take."""

from functools import cache
from typing import Any

from fastapi import APIRouter

from parametrization.optimizers import registry as optimizers
from parametrization.plugins import Plugins
from parametrization.recommendation.record import Record
from parametrization.recommendation.target import Comparison
from parametrization.schedules import registry as schedules
from parametrization.schedules.registry import SHAPES
from tuner.spec.datasets import registry as datasets
from tuner.spec.datasets.registry import DATASETS, datasets_of
from tuner.spec.families import registry as families
from tuner.spec.families.own_task import OwnTask
from tuner.spec.families.registered_tasks import REGISTERED, Registration
from tuner.spec.families.registry import FAMILIES
from tuner.spec.optimizers.records import RECORDS
from tuner.spec.registry import name_of

router = APIRouter(prefix="/v1", tags=["catalogue"])


class Option(Record):
    name: str
    description: str
    options: dict[str, Any]
    """JSON Schema of the object that a specification gives."""


class PluginLeftOut(Record):
    name: str
    plugin: str
    reason: str
    """The reason why it cannot be used, in words."""


class FamilyOption(Option):
    datasets: tuple[str, ...]
    """Datasets that it can train on; the first one is its default."""
    compared_by: Comparison
    """Metric that its trials are compared by."""
    source: str | None = None
    """File or package, and class, of an own task; null of a family that is built in."""
    version: str | None = None
    """Of an own task: hash of its file and what it imports from its folder, or its package's."""
    plugin: str | None = None
    """Installed package and version that an own task comes from; null otherwise."""


class FamilyList(Record):
    families: tuple[FamilyOption, ...]
    left_out: tuple[PluginLeftOut, ...]
    """Own tasks that cannot be used."""


class OptimizerOption(Option):
    plugin: str | None
    """Installed package and version that it comes from; null if it is built in."""


class OptimizerList(Record):
    optimizers: tuple[OptimizerOption, ...]
    left_out: tuple[PluginLeftOut, ...]
    """Optimizers of installed packages that cannot be used."""


class NumberOption(Record):
    name: str
    description: str
    default: float
    minimum: float
    maximum: float
    whole: bool
    """True for a whole number, such as a count."""


class ShapeOption(Record):
    name: str
    description: str
    numbers: tuple[NumberOption, ...]
    """Numbers that `numbers` of a schedule of this shape may hold."""
    grows_batch: bool
    """True if the batch grows over the decay phase."""
    plugin: str | None
    """Installed package and version that it comes from; null if it is built in."""


class ScheduleList(Record):
    schedules: tuple[ShapeOption, ...]
    left_out: tuple[PluginLeftOut, ...]
    """Shapes of installed packages that cannot be used."""


class DatasetOption(Option):
    examples: int | None
    """Training and held-out examples together; null where it depends on the machine."""
    plugin: str | None
    """Installed package and version that it comes from; null if it is built in."""


class DatasetList(Record):
    datasets: tuple[DatasetOption, ...]
    left_out: tuple[PluginLeftOut, ...]
    """Datasets of installed packages that cannot be used."""


def _described(model: type[Record]) -> dict[str, Any]:
    schema = model.model_json_schema()
    return {"name": name_of(model), "description": schema.get("description", ""), "options": schema}


def _left_out(plugins: Plugins[Any]) -> tuple[PluginLeftOut, ...]:
    return tuple(
        PluginLeftOut(name=one.name, plugin=one.package, reason=one.reason)
        for one in plugins.left_out
    )


@router.get("/families")
def list_families() -> FamilyList:
    """Model families that a study can tune: built in ones, then own tasks that are registered."""
    found = [one for name in REGISTERED.names() if (one := REGISTERED.find(name))]
    files = (
        PluginLeftOut(name=one.name, plugin=one.source, reason=one.reason)
        for one in REGISTERED.left_out
    )
    return FamilyList(
        families=(*_families_with_records(), *map(_own_task, found)),
        left_out=(*_left_out(families.PLUGINS), *files),
    )


@cache
def _families_with_records() -> tuple[FamilyOption, ...]:
    return tuple(
        FamilyOption(
            **_described(family),
            datasets=datasets_of(family.trains_on),
            compared_by=family.compared_by,
        )
        for family in FAMILIES.values()
    )


def _own_task(found: Registration) -> FamilyOption:
    return FamilyOption(
        name=found.name,
        description=found.words,
        options=OwnTask.model_json_schema(),
        datasets=datasets_of(OwnTask.trains_on),
        compared_by=OwnTask.model_validate({"name": found.name}).comparison,
        source=found.source,
        version=found.version,
        plugin=found.package,
    )


@router.get("/optimizers")
@cache
def list_optimizers() -> OptimizerList:
    """Optimizers that a study can name; each hyperparameter is a number or a distribution."""
    return OptimizerList(
        optimizers=tuple(
            OptimizerOption(
                **_described(model),
                plugin=optimizers.PLUGINS.package_of(name),
            )
            for name, model in RECORDS.items()
        ),
        left_out=_left_out(optimizers.PLUGINS),
    )


@router.get("/schedules")
@cache
def list_schedules() -> ScheduleList:
    """Shapes that a schedule can have, each with the numbers that it takes."""
    return ScheduleList(
        schedules=tuple(
            ShapeOption(
                name=one.name,
                description=one.words,
                numbers=tuple(
                    NumberOption(
                        name=name,
                        description=number.words,
                        default=number.default,
                        minimum=number.low,
                        maximum=number.high,
                        whole=number.whole,
                    )
                    for name, number in one.numbers.items()
                ),
                grows_batch=one.batch_stages is not None,
                plugin=schedules.PLUGINS.package_of(one.name),
            )
            for one in SHAPES.values()
        ),
        left_out=_left_out(schedules.PLUGINS),
    )


@router.get("/datasets")
@cache
def list_datasets() -> DatasetList:
    """Data that proxies can train on."""
    return DatasetList(
        datasets=tuple(
            DatasetOption(
                **_described(dataset),
                examples=dataset.examples,
                plugin=datasets.PLUGINS.package_of(name),
            )
            for name, dataset in DATASETS.items()
        ),
        left_out=_left_out(datasets.PLUGINS),
    )
