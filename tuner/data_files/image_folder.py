"""Folders of pictures: their classes, and the pictures as arrays."""

import hashlib
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from tuner.data_files.opened import Identity, Opened
from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.spec.datasets.image_folder import ImageFolder
from tuner.spec.families.model_family import ModelFamily

ENDINGS: Final = (".png", ".jpg", ".jpeg")
LEAST_PICTURES: Final = 10
MOST_PIXELS: Final = 2**26
"""Of one picture as it is stored."""
_GREY: Final = ("1", "L", "LA")
_COLOURED: Final = ("P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")


class Folder(NamedTuple):
    """The pictures of a folder, in the order of their names."""

    names: tuple[str, ...]
    """Below the folder."""
    identities: tuple[Identity, ...]
    classes: tuple[str, ...]

    @property
    def targets(self) -> npt.NDArray[np.int64]:
        """The class of each picture."""
        number = {name: place for place, name in enumerate(self.classes)}
        return np.array([number[name.split(os.sep)[0]] for name in self.names], dtype=np.int64)


def look(dataset: ImageFolder, places: Places, _family: ModelFamily) -> Mapping[str, Any]:
    """Channels, side and classes, by the first picture.

    Raises:
        DataRefused: if there are no classes of pictures, or the first one cannot be read.

    """
    folder = list_folder(dataset, places)
    if dataset.channels == 2:
        raise DataRefused("channels", "channels 2 are neither 1, grey values, nor 3, colours")
    if dataset.classes and dataset.classes != len(folder.classes):
        raise DataRefused(
            "classes",
            f"{dataset.path} has {len(folder.classes)} sub folders, not {dataset.classes}: leave"
            " classes out",
        )
    with open_picture(picture_file(dataset, places, folder.names[0])) as first:
        if not dataset.side and first.width != first.height:
            raise DataRefused(
                "side",
                f"{dataset.path}/{folder.names[0]} has {first.width} x {first.height} pixels: give"
                " the side of the squares that pictures are scaled to",
            )
        return {
            "channels": dataset.channels or (1 if first.mode in _GREY else 3),
            "side": dataset.side or first.width,
            "classes": len(folder.classes),
        }


def list_folder(dataset: ImageFolder, places: Places) -> Folder:
    """The folder's classes and images.

    Raises:
        DataRefused: if it is no folder of classes.

    """
    pictures = []
    for name, identity in places.files(dataset.path):
        if name.lower().endswith(ENDINGS):
            if os.sep not in name:
                raise DataRefused(
                    "path",
                    f"{dataset.path}/{name} is in no sub folder: put it into that of its class",
                )
            pictures.append((name, identity))
    if len(pictures) < LEAST_PICTURES:
        raise DataRefused(
            "path",
            f"{dataset.path} has {len(pictures)} PNG and JPEG pictures in sub folders: give"
            f" {LEAST_PICTURES} or more",
        )
    classes = tuple(sorted({name.split(os.sep)[0] for name, _ in pictures}))
    if len(classes) < 2:
        raise DataRefused(
            "path", f"{dataset.path} has the one sub folder {classes[0]}: give one for each class"
        )
    names, identities = zip(*pictures, strict=True)
    return Folder(names, identities, classes)


def picture_file(dataset: ImageFolder, places: Places, name: str) -> Opened:
    """One picture of the folder."""
    return places.open(str(Path(places.path_of(dataset.path), name)))


def open_picture(file: Opened) -> Image.Image:
    """A picture of which the header was read.

    Raises:
        DataRefused: if it is none, or too large.

    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our limit is lower
            picture = Image.open(file.stream(), formats=("PNG", "JPEG"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError) as error:
        raise DataRefused(
            "path", f"{file.path} is no PNG or JPEG picture that can be read: replace it"
        ) from error
    if picture.width * picture.height > MOST_PIXELS:
        raise DataRefused(
            "path",
            f"{file.path} has {picture.width} x {picture.height} pixels, more than {MOST_PIXELS}:"
            " scale it down",
        )
    if picture.mode not in (*_GREY, *_COLOURED):
        raise DataRefused(
            "path", f"{file.path} has pixels of the mode {picture.mode}: store it with 8 bits each"
        )
    return picture


def decoded(file: Opened, channels: int, side: int) -> npt.NDArray[np.uint8]:
    """The picture's numbers in one row: channels, their rows, their columns.

    Raises:
        DataRefused: if it is broken.

    """
    with open_picture(file) as picture:
        try:
            coloured = picture.convert("L" if channels == 1 else "RGB")
            scaled = coloured
            if coloured.size != (side, side):
                scaled = coloured.resize((side, side), Image.Resampling.BILINEAR)
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise DataRefused(
                "path", f"{file.path} is a broken picture ({error}): replace or remove it"
            ) from error
    pixels = np.asarray(scaled, dtype=np.uint8).reshape(side, side, channels)
    return pixels.transpose(2, 0, 1).reshape(-1)


def hash_of(files: Mapping[str, str]) -> str:
    """The hash of a folder, from the hash of every file by its name."""
    digest = hashlib.sha256()
    for name, sha256 in sorted(files.items()):
        digest.update(f"{sha256}  {name}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()
