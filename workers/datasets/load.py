"""The dataset that a model trains on, from its torch-free specification."""

from collections.abc import Callable
from typing import Final

from tuner.engine.protocol import ModelSpec
from tuner.spec.families.catalogue import Digits, ImitatedDigits, NoisedDigits, StdlibText
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.record import Record
from workers.datasets.data import Data
from workers.datasets.digits import load_digits_data
from workers.datasets.imitated_digits import ImitatedDigitsData
from workers.datasets.noised_digits import NoisedDigitsData
from workers.datasets.stdlib_text import load_text_data

_LOADERS: Final[dict[type[Record], Callable[[ModelFamily], Data]]] = {
    Digits: lambda _family: load_digits_data(),
    NoisedDigits: lambda family: NoisedDigitsData(load_digits_data(), family.frames_per_example),
    ImitatedDigits: lambda family: ImitatedDigitsData(
        load_digits_data(), family.latents_per_example
    ),
    StdlibText: lambda family: load_text_data(family.tokens_per_example),
}
"""From the family that will train on it."""


def load_data(spec: ModelSpec) -> Data:
    """Batches of the spec's dataset, shaped for its family; read once per process."""
    return _LOADERS[type(spec.dataset)](spec.family)
