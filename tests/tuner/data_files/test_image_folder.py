"""Folders of pictures: what is in them, and every fault by the name of its picture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.workers.datasets.examples import SIDE, pictures
from tuner.data_files import image_folder, look
from tuner.data_files.image_folder import decoded
from tuner.data_files.look import with_facts
from tuner.data_files.places import Places
from tuner.data_files.refused import DataRefused
from tuner.spec.datasets.registry import DATASETS
from tuner.spec.families.mlp import Mlp


def looked_at(folder: Path, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    named = {"name": "image-folder", "path": "pictures"} | fields
    dataset = DATASETS["image-folder"].model_validate(named)
    return with_facts(dataset, Mlp(name="mlp"), Places([folder])).model_dump()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures(tmp_path)
    return tmp_path


def test_classes_side_and_channels_are_read(folder: Path) -> None:
    found = looked_at(folder)
    assert (found["classes"], found["side"], found["channels"]) == (3, SIDE, 3)
    chosen = looked_at(folder, side=4, channels=1)
    assert (chosen["side"], chosen["channels"]) == (4, 1)


def test_a_picture_is_in_rows_of_its_channels(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    file = Places([tmp_path]).open("x.png")
    np.testing.assert_array_equal(decoded(file, 3, 4).reshape(3, 4, 4), pixels.transpose(2, 0, 1))
    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    np.testing.assert_array_equal(decoded(file, 1, 4).reshape(4, 4), grey)
    assert decoded(file, 3, 2).shape == (12,)


def _loose(folder: Path) -> None:
    Image.new("L", (4, 4)).save(folder / "pictures" / "loose.png")


def _one_class(folder: Path) -> None:
    for name in "bc":
        (folder / "pictures" / name).rename(folder / "pictures" / "a" / name)


def _text_for_a_picture(folder: Path) -> None:
    (folder / "pictures" / "a" / "0.png").write_text("no picture")


def _oblong(folder: Path) -> None:
    Image.new("RGB", (4, 8)).save(folder / "pictures" / "a" / "0.png")


def _deep(folder: Path) -> None:
    Image.new("I;16", (4, 4)).save(folder / "pictures" / "a" / "0.png")


def _another_format(folder: Path) -> None:
    Image.new("RGB", (4, 4)).save(folder / "pictures" / "a" / "0.png", format="GIF")


@pytest.mark.parametrize(
    ("spoil", "field", "words"),
    [
        (_loose, "path", "pictures/loose.png is in no sub folder"),
        (_one_class, "path", "has the one sub folder a"),
        (_text_for_a_picture, "path", "a/0.png is no PNG or JPEG picture that can be read"),
        (_another_format, "path", "a/0.png is no PNG or JPEG picture that can be read"),
        (_oblong, "side", "a/0.png has 4 x 8 pixels: give the side"),
        (_deep, "path", "a/0.png has pixels of the mode I;16"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_is_refused_by_name(
    folder: Path, spoil: Callable[[Path], None], field: str, words: str
) -> None:
    spoil(folder)
    with pytest.raises(DataRefused) as refused:
        looked_at(folder)
    assert (refused.value.field, words in str(refused.value)) == (field, True), refused.value


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("1", (5_000, 5_000)).save(tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size < 10_000
    monkeypatch.setattr(image_folder, "MOST_PIXELS", 10**6)
    with pytest.raises(DataRefused, match="has 5000 x 5000 pixels, more than 1000000"):
        decoded(Places([tmp_path]).open("x.png"), 1, 8)


@pytest.mark.parametrize("kept", [60, 100, 150])
def test_a_picture_that_is_cut_off_is_named(folder: Path, kept: int) -> None:
    path = folder / "pictures" / "b" / "1.png"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataRefused, match=r"b/1.png is (a broken picture|no PNG or JPEG)"):
        decoded(Places([folder]).open(str(path)), 3, SIDE)


def test_a_package_that_is_missing_is_named_with_how_to_install_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DATASETS["image-folder"], "look", "nowhere_to_be_found.pictures:look")
    with pytest.raises(DataRefused, match="pip install nowhere_to_be_found"):
        looked_at(folder)


def test_facts_have_to_be_given_where_only_the_workers_machine_has_the_data(tmp_path: Path) -> None:
    elsewhere = [tmp_path / "not here"]
    named: dict[str, Any] = {"name": "image-folder", "path": "pictures", "classes": 3, "side": 8}
    made = DATASETS["image-folder"].model_validate
    with pytest.raises(DataRefused, match="say how many channels there are"):
        look.with_facts(made(named), Mlp(name="mlp"), Places(elsewhere))
    whole = look.with_facts(made(named | {"channels": 1}), Mlp(name="mlp"), Places(elsewhere))
    assert whole.model_dump()["path"] == str(tmp_path / "not here" / "pictures")
