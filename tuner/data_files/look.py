"""Complete a dataset in files by what its files say."""

from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from typing import Any, Final

from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.spec.datasets.dataset import Dataset
from tuner.spec.datasets.files import FileDataset
from tuner.spec.families.model_family import ModelFamily

_PATHS: Final = ("path", "validation_path")
_PACKAGES: Final = {"PIL": "pillow"}
"""The package to install for a module of another name."""


def with_facts(dataset: Dataset, family: ModelFamily, places: Places) -> Dataset:
    """The dataset with whole paths, and with every fact that it leaves to its files.

    Where none of the directories that are allowed is on this machine, the workers' have them: then
    the facts have to be given.

    Raises:
        DataRefused: if it cannot be trained on.

    """
    if not isinstance(dataset, FileDataset):
        return dataset
    paths = {
        field: places.path_of(given, field)
        for field in _PATHS
        if (given := getattr(dataset, field, None)) is not None
    }
    if all(places.are_here(given) for given in paths.values()):
        found: Mapping[str, Any] = looked_at(dataset, places, family)
    else:
        found = {}
        _require_facts(dataset)
    return dataset.model_copy(update={**paths, **found})


def looked_at(dataset: FileDataset, places: Places, family: ModelFamily) -> Mapping[str, Any]:
    """Facts by field, as the dataset's own function finds them.

    Raises:
        DataRefused: if it cannot be trained on, or a package that reads it is not installed.

    """
    try:
        look: Callable[[FileDataset, Places, ModelFamily], Mapping[str, Any]] = resolve_name(
            dataset.look
        )
    except ModuleNotFoundError as error:
        raise missing_package(dataset, error) from error
    return look(dataset, places, family)


def missing_package(dataset: Dataset, error: ModuleNotFoundError) -> DataRefused:
    """The package to install."""
    module = str(error.name).partition(".")[0]
    package = _PACKAGES.get(module, module)
    return DataRefused(
        "name",
        f"{dataset.name} needs the Python package {package}, which is not installed: pip install"
        f" {package}, for the API and the workers",
    )


def _require_facts(dataset: FileDataset) -> None:
    for name, field in type(dataset).model_fields.items():
        if field.default_factory is not None and not getattr(dataset, name):
            raise DataRefused(
                name,
                f"{dataset.path} cannot be seen from the API's machine: say how many {name} there"
                " are",
            )
