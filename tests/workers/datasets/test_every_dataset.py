"""Every dataset of the registry: batches by seed and step, and facts that agree with the data."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from parametrization.rules.parametrization import Parametrization
from tests.workers.datasets.examples import EXAMPLES
from tuner.data_files.look import with_facts
from tuner.data_files.places import Places
from tuner.engine.orders import ModelSpec
from tuner.spec.datasets.dataset import (
    Dataset,
    ImitatedImages,
    Labelled,
    NoisedImages,
    Text,
)
from tuner.spec.datasets.files import FileDataset
from tuner.spec.datasets.registry import DATASETS
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.families.registry import FAMILIES
from workers.datasets.access import Access, allow, allowed
from workers.datasets.data import Batch, Data
from workers.datasets.load import load_data
from workers.training.resident import rows_of

BATCH = 512
IN_FILES = {"npz-images": 90, "npz-vectors": 90, "image-folder": 60}
"""Examples of the small files."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory that data may lie in."""
    folder = tmp_path_factory.mktemp("data")
    before = allowed()
    allow(Access(Places([folder])))
    yield folder
    allow(before)


LOADED = [
    name
    for name, made in DATASETS.items()
    if made.loader and any(issubclass(made, family.trains_on) for family in FAMILIES.values())
]
"""All but what trainers and tasks of the user's own make themselves."""


@pytest.fixture(scope="module", params=LOADED)
def dataset(request: pytest.FixtureRequest, folder: Path) -> Dataset:
    """Each that is loaded here, those in files with small files."""
    name = request.param
    fields = EXAMPLES[name](folder) if name in EXAMPLES else {}
    made = DATASETS[name].model_validate({"name": name} | fields)
    return with_facts(made, family_for(made), allowed().places)


def family_for(dataset: Dataset) -> ModelFamily:
    """The first family that trains on it."""
    name = next(name for name, made in FAMILIES.items() if isinstance(dataset, made.trains_on))
    return FAMILIES[name].model_validate({"name": name})


def data_of(dataset: Dataset) -> Data:
    spec = ModelSpec(
        family=family_for(dataset),
        dataset=dataset,
        width=64,
        base_width=64,
        parametrization=Parametrization.MUP,
    )
    return load_data(spec)


def equal(one: Batch, other: Batch) -> bool:
    return torch.equal(one.inputs, other.inputs) and torch.equal(one.targets, other.targets)


def whole_numbers_below(tensor: Tensor, limit: int) -> bool:
    return not tensor.is_floating_point() and 0 <= int(tensor.min()) <= int(tensor.max()) < limit


def test_a_batch_can_be_asked_for_again_in_any_order(dataset: Dataset) -> None:
    data, again = data_of(dataset), data_of(dataset)
    forwards = [data.batch(7, step, 4) for step in range(5)]
    backwards = [again.batch(7, step, 4) for step in reversed(range(5))]
    assert all(map(equal, forwards, reversed(backwards)))


def test_a_batch_is_the_rows_that_were_drawn_for_it(dataset: Dataset) -> None:
    """As a GPU gathers it, for one trial or for several of other seeds at once."""
    data = data_of(dataset)
    rows = rows_of(data)
    if isinstance(dataset, NoisedImages | ImitatedImages):
        assert rows is None, "noise is no row of anything"
        return
    assert rows is not None
    whole, seeds = rows.whole(), (7, 8)
    assert sum(one.nbytes for one in whole[:2]) >= rows.whole_bytes
    made = [data.batch(seed, 3, 4) for seed in seeds]
    drawn = [rows.drawn(seed, 3, 4) for seed in seeds]
    assert equal(rows.gathered(whole, drawn[0]), made[0])
    inputs, targets = rows.gathered(whole, torch.stack(drawn))
    assert all(equal(Batch(inputs[at], targets[at]), one) for at, one in enumerate(made))


def test_another_seed_or_step_gives_another_batch(dataset: Dataset) -> None:
    data = data_of(dataset)
    assert not equal(data.batch(7, 0, 4), data.batch(7, 1, 4))
    assert not equal(data.batch(7, 0, 4), data.batch(8, 0, 4))


def test_validation_is_fixed(dataset: Dataset) -> None:
    first, again = list(data_of(dataset).validation()), list(data_of(dataset).validation())
    assert len(first) == len(again) > 0
    assert all(map(equal, first, again))


def test_data_is_known_by_its_hash(dataset: Dataset) -> None:
    assert len(data_of(dataset).sha256) == 64
    assert data_of(dataset).sha256 == data_of(dataset).sha256


def test_facts_agree_with_what_is_loaded(dataset: Dataset) -> None:
    family, data = family_for(dataset), data_of(dataset)
    inputs, targets = data.batch(0, 0, BATCH)
    match dataset:
        case Text():
            assert inputs.shape == targets.shape == (BATCH, family.tokens_per_example)
            assert whole_numbers_below(inputs, dataset.vocabulary)
            assert whole_numbers_below(targets, dataset.vocabulary)
        case Labelled():
            assert inputs.shape == (BATCH, dataset.channels * dataset.side**2)
            assert set(targets.tolist()) == set(range(dataset.classes))
        case NoisedImages():
            numbers = family.frames_per_example * dataset.numbers
            assert inputs.shape == (BATCH, numbers + 1)
            assert targets.shape == (BATCH, numbers)
        case ImitatedImages():
            assert inputs.shape == (BATCH, family.latents_per_example + dataset.numbers)
            assert targets.shape == (BATCH, dataset.numbers)
        case _:
            pytest.fail(f"say here what the facts of a {type(dataset).__base__} mean")


@pytest.mark.parametrize(
    "dataset",
    [name for name, one in DATASETS.items() if issubclass(one, Labelled | ImitatedImages)],
    indirect=True,
)
def test_there_are_as_many_images_as_declared_and_none_is_both_trained_on_and_held_out(
    dataset: Dataset,
) -> None:
    """No two inputs are equal, so that they can be counted by their numbers."""
    data, labelled = data_of(dataset), isinstance(dataset, Labelled)

    def images(batch: Batch) -> set[tuple[float, ...]]:
        return {tuple(row) for row in (batch.inputs if labelled else batch.targets).tolist()}

    trained_on = images(data.batch(0, 0, 20_000))
    held_out = set().union(*map(images, data.validation()))
    assert trained_on.isdisjoint(held_out)
    assert len(trained_on | held_out) == (dataset.examples or IN_FILES[dataset.name])


def test_a_dataset_has_its_line_in_the_documents(dataset: Dataset) -> None:
    documents = (Path(__file__).parents[3] / "docs" / "families.md").read_text()
    unknown = "by file" if isinstance(dataset, FileDataset) else "by machine"
    examples = unknown if dataset.examples is None else f"{dataset.examples:,}"
    assert f"\n| `{dataset.name}` | {examples} |" in documents
    assert type(dataset).__doc__
