"""The dataset that a model trains on, from its torch-free specification."""

from tuner.engine import ModelSpec
from tuner.families import Gpt
from workers.datasets.data import Data
from workers.datasets.digits import load_digits_data
from workers.datasets.stdlib_text import load_text_data


def load_data(spec: ModelSpec) -> Data:
    """Batches of the spec's dataset, shaped for its family; read once per process."""
    if isinstance(spec.family, Gpt):
        return load_text_data(spec.family.context)
    return load_digits_data()
