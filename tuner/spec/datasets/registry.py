"""Every dataset that a study can name."""

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

from parametrization.plugins import Plugins, find_plugins
from tuner.spec.datasets.dataset import Dataset
from tuner.spec.datasets.digits import Digits
from tuner.spec.datasets.external import ExternalData
from tuner.spec.datasets.huggingface import HuggingFaceText, HuggingFaceTokens
from tuner.spec.datasets.image_folder import ImageFolder
from tuner.spec.datasets.imitated_digits import ImitatedDigits
from tuner.spec.datasets.megatron_tokens import MegatronTokens
from tuner.spec.datasets.noised_digits import NoisedDigits
from tuner.spec.datasets.npz import NpzImages, NpzVectors
from tuner.spec.datasets.own_batches import OwnBatches
from tuner.spec.datasets.stdlib_text import StdlibText
from tuner.spec.datasets.text_file import TextFile
from tuner.spec.datasets.token_file import TokenFile
from tuner.spec.plugins import record_group, with_plugins
from tuner.spec.registry import OneOf, by_name

BUILT_IN: Final[Mapping[str, type[Dataset]]] = by_name(
    (
        StdlibText,
        TextFile,
        TokenFile,
        MegatronTokens,
        HuggingFaceText,
        HuggingFaceTokens,
        Digits,
        ImageFolder,
        NpzImages,
        NpzVectors,
        NoisedDigits,
        ImitatedDigits,
        ExternalData,
        OwnBatches,
    )
)
GROUP: Final = record_group("widthwise.datasets", "a dataset", Dataset)
PLUGINS: Final[Plugins[type[Dataset]]] = find_plugins(GROUP, BUILT_IN)
"""Datasets of installed packages, and those that had to be left out."""
DATASETS: Final[Mapping[str, type[Dataset]]] = with_plugins(BUILT_IN, PLUGINS)
"""By name, in the order of the catalogue, those of packages last; the first one of a kind is its
families' default."""

AnyDataset: TypeAlias = Annotated[Dataset, OneOf(DATASETS, PLUGINS)]
"""Any dataset of the registry, as a specification gives it."""


def datasets_of(kind: type[Dataset]) -> tuple[str, ...]:
    """Names of the datasets that a family which trains on this kind can have."""
    return tuple(name for name, dataset in DATASETS.items() if issubclass(dataset, kind))


def default_dataset(kind: type[Dataset]) -> Dataset:
    """The dataset that a family of this kind trains on unless another one is named."""
    name = datasets_of(kind)[0]
    return DATASETS[name].model_validate({"name": name})
