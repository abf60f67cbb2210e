"""What can be asked for: families, optimizers, datasets, with the schemas of their options."""

from typing import Any, Final, get_args

from fastapi import APIRouter

from tuner.families import DATASETS, FAMILIES
from tuner.optimizers import RECORDS
from tuner.records import Record

router = APIRouter(prefix="/v1", tags=["catalogue"])


class Option(Record):
    name: str
    description: str
    options: dict[str, Any]
    """JSON Schema of the object that a specification gives."""


class FamilyOption(Option):
    datasets: tuple[str, ...]
    """What it can train on; the first one is its default."""


class FamilyList(Record):
    families: tuple[FamilyOption, ...]


class OptimizerList(Record):
    optimizers: tuple[Option, ...]


class DatasetList(Record):
    datasets: tuple[Option, ...]


def _described(model: type[Record]) -> dict[str, Any]:
    name = str(get_args(model.model_fields["name"].annotation)[0])
    schema = model.model_json_schema()
    return {"name": name, "description": schema.get("description", ""), "options": schema}


_FAMILIES: Final = FamilyList(
    families=tuple(
        FamilyOption(**_described(family), datasets=family.datasets) for family in FAMILIES
    )
)
_OPTIMIZERS: Final = OptimizerList(
    optimizers=tuple(Option(**_described(model)) for model in RECORDS.values())
)
_DATASETS: Final = DatasetList(
    datasets=tuple(Option(**_described(model)) for model in DATASETS.values())
)


@router.get("/families")
def list_families() -> FamilyList:
    """Model families that a study can tune."""
    return _FAMILIES


@router.get("/optimizers")
def list_optimizers() -> OptimizerList:
    """Optimizers that a study can name; each hyperparameter is a number or a distribution."""
    return _OPTIMIZERS


@router.get("/datasets")
def list_datasets() -> DatasetList:
    """Data that proxies can train on."""
    return _DATASETS
