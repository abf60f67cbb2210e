"""The dataset that a model trains on, by the loader that its declaration names."""

from tuner.engine.orders import ModelSpec
from workers.datasets.data import Data
from workers.references import imported


def load_data(spec: ModelSpec) -> Data:
    """Batches of the spec's dataset, shaped for its family; read once per process."""
    data: Data = imported(spec.dataset.loader)(spec.dataset, spec.family)
    return data
