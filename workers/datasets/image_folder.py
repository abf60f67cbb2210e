"""Pictures in users' folders, decoded once per process."""

from functools import partial
from typing import Final

import numpy as np

from tuner.data_files.image_folder import decoded, hash_of, list_folder, picture_file
from tuner.data_files.refused import DataRefused
from tuner.data_files.scans import scan
from tuner.spec.datasets.image_folder import ImageFolder
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.access import allowed
from workers.datasets.examples import ExampleData
from workers.datasets.watched import Watched, watched

MOST_BYTES: Final = 2**30
"""Of all decoded pictures, which a worker holds in memory."""


def load(dataset: ImageFolder, family: ModelFamily) -> Watched:
    """The same for every family."""
    return watched(dataset, family, partial(_read, dataset))


def _read(dataset: ImageFolder) -> ExampleData:
    access = allowed()
    folder = list_folder(dataset, access.places)
    if len(folder.classes) != dataset.classes:
        raise DataRefused(
            "classes",
            f"{dataset.path} has {len(folder.classes)} sub folders, not {dataset.classes}",
        )
    needed = len(folder.names) * dataset.numbers
    if needed > MOST_BYTES:
        raise DataRefused(
            "side",
            f"{len(folder.names)} pictures of {dataset.numbers} numbers take {needed} bytes, and"
            f" {MOST_BYTES} is the most: give a smaller side, or store them as npz-images, which"
            " are mapped",
        )
    pictures = np.empty((len(folder.names), dataset.numbers), dtype=np.uint8)
    hashes = {}
    for row, name in enumerate(folder.names):
        file = picture_file(dataset, access.places, name)
        pictures[row] = decoded(file, dataset.channels, dataset.side)
        hashes[name] = scan(file, "bytes", None).sha256
    return ExampleData(
        pictures,
        folder.targets,
        hash_of(hashes),
        share=dataset.validation_share,
        groups=folder.targets,
        by_column=False,
        stands=lambda closely: not closely or list_folder(dataset, access.places) == folder,
    )
