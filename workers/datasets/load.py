"""The dataset that a model trains on, by the loader that its declaration names."""

from tuner.data_files.look import missing_package
from tuner.engine.orders import ModelSpec
from tuner.spec.changed import Changed
from tuner.spec.versions import other_plugins
from workers.datasets.data import Data
from workers.references import imported


def load_data(spec: ModelSpec) -> Data:
    """Batches of the spec's dataset, shaped for its family; read once per process.

    Raises:
        DataRefused: if it is in files that cannot be trained on, or that nothing here can read.
        Changed: if the files, or the package that brings the dataset, are not those that the study
            was begun with.

    """
    if words := other_plugins({"dataset": spec.dataset.model_dump()}):
        raise Changed(words)
    try:
        load = imported(spec.dataset.loader)
    except ValueError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise missing_package(spec.dataset, error.__cause__) from error
        raise
    data: Data = load(spec.dataset, spec.family)
    return data
