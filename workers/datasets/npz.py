"""Examples in users' `.npz` files."""

from functools import partial

from tuner.data_files.npz_facts import open_examples
from tuner.data_files.refused import DataRefused
from tuner.data_files.scans import scan
from tuner.spec.datasets.npz import NpzImages, NpzVectors
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.access import allowed
from workers.datasets.examples import ExampleData
from workers.datasets.watched import Watched, watched


def load(dataset: NpzImages | NpzVectors, family: ModelFamily) -> Watched:
    """The same for every family."""
    return watched(dataset, family, partial(_read, dataset))


def _read(dataset: NpzImages | NpzVectors) -> ExampleData:
    access = allowed()
    examples = open_examples(dataset, access.places)
    facts = examples.facts
    for field in ("channels", "side", "classes"):
        given, found = getattr(dataset, field), facts[field]
        if given < found if field == "classes" else given != found:
            raise DataRefused(field, f"{dataset.path} has {found} {field}, not {given}")
    try:
        return ExampleData(
            examples.inputs.read(),
            examples.targets,
            scan(examples.file, "bytes", access.memory).sha256,
            share=dataset.validation_share,
            groups=None,
            by_column=isinstance(dataset, NpzVectors),
            stands=lambda _closely: examples.file.stands(),
        )
    except FloatingPointError as error:
        raise DataRefused("path", f"{error} in {examples.file.path}: remove those") from error
