"""Every number of every field: what is no number is refused, what is one is stored as it is."""

import json
import math
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any, Final, NamedTuple

import pytest
from pydantic import ValidationError

from app.http.field_errors import field_errors
from tests.tuner.builders import spec
from tuner.spec.datasets.registry import DATASETS
from tuner.spec.families.registry import FAMILIES
from tuner.spec.optimizers.records import RECORDS
from tuner.spec.study import StudySpec

SPELT_OUT: Final[dict[str, Any]] = {
    "training": {"gradient_clip_norm": 1.0},
    "target": {"width": 256, "depth": 2, "batch_size": 16, "tokens": 2**20},
    "check": {"widths": [64, 128, 256], "seeds": {"adamw": 4}},
    "measure": {"widths": [32, 64, 128]},
    "priority": 1,
    "seed": 3,
}
"""Fields that are null or empty unless they are given."""
Way = tuple[str | int, ...]
FILES: Final[dict[str, dict[str, Any]]] = {
    "token-file": {"path": "/x", "vocabulary": 9},
    "megatron-tokens": {"path": "/x", "vocabulary": 9},
    "npz-images": {"path": "/x", "channels": 1, "side": 8, "classes": 3},
    "npz-vectors": {"path": "/x", "channels": 1, "classes": 3},
    "image-folder": {"path": "/x", "channels": 1, "side": 8, "classes": 3},
    "text-file": {"path": "/x"},
    "huggingface-text": {"path": "/x"},
    "huggingface-tokens": {"path": "/x", "vocabulary": 9},
}
GPT: Final = {"name": "gpt", "fixed_kv_heads": 2}
SEARCHED: Final = [
    {
        "name": "adamw",
        "learning_rate": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True},
        "weight_decay": {"type": "float", "low": 0.5, "high": 1.5, "step": 0.25},
        "beta1": {"type": "categorical", "choices": [0.5, 0.9]},
        "init_std": {"type": "int", "low": 1, "high": 9, "step": 2},
    }
]


class Document(NamedTuple):
    """A whole specification, and the part of it that is tried out."""

    whole: dict[str, Any]
    part: str = ""

    @property
    def ways(self) -> list[Way]:
        """To every number of the part."""
        part = self.whole[self.part] if self.part else self.whole
        return list(numbers(part, (self.part,) if self.part else ()))


def _documents() -> Iterator[tuple[str, Document]]:
    everything = spec(**SPELT_OUT, family=GPT, optimizers=SEARCHED)
    yield "every field", Document(everything.model_dump(mode="json"))
    for family in FAMILIES:
        if family not in ("gpt", "external"):
            made = spec(family={"name": family})
            yield family, Document(made.model_dump(mode="json"), "family")
    for dataset, fields in FILES.items():
        family = next(
            name for name, one in FAMILIES.items() if issubclass(DATASETS[dataset], one.trains_on)
        )
        made = spec(family={"name": family}, dataset={"name": dataset} | fields)
        yield dataset, Document(made.model_dump(mode="json"), "dataset")
    for optimizer in RECORDS:
        made = spec(family={"name": "mlp"}, optimizers=[{"name": optimizer}])
        yield optimizer, Document(made.model_dump(mode="json"), "optimizers")


def numbers(document: Any, way: Way = ()) -> Iterator[Way]:  # noqa: ANN401
    """Ways to every number of a document."""
    items: Any = ()
    if isinstance(document, dict):
        items = document.items()
    elif isinstance(document, list):
        items = enumerate(document)
    elif isinstance(document, int | float) and not isinstance(document, bool):
        yield way
    for key, value in items:
        yield from numbers(value, (*way, key))


def changed(document: Any, way: Way, value: Any) -> Any:  # noqa: ANN401
    copy = json.loads(json.dumps(document))
    *path, last = way
    at = copy
    for key in path:
        at = at[key]
    at[last] = value
    return copy


def at(document: Any, way: Way) -> Any:  # noqa: ANN401
    for key in way:
        document = document[key]
    return document


def refused_at(document: Any) -> set[str]:  # noqa: ANN401
    try:
        StudySpec.model_validate(document)
    except ValidationError as error:
        located = [one | {"loc": ("body", *one["loc"])} for one in error.errors()]
        return {one.pointer for one in field_errors(located, document)}
    return set()


DOCUMENTS: Final = dict(_documents())
NO_NUMBERS: Final = {
    "true": True,
    "false": False,
    "text": "64",
    "text of a float": "1e-3",
    "empty text": "",
    "array": [],
    "object": {},
    "array of one": [64],
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "huge": 10**400,
    "huge and negative": -(10**400),
    "beyond 64 bits": 2**64 * 10**30,
}


def test_all_documents_are_taken_and_every_kind_of_number_is_among_them() -> None:
    assert all(refused_at(document.whole) == set() for document in DOCUMENTS.values())
    assert sum(len(document.ways) for document in DOCUMENTS.values()) > 300


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_no_number_that_can_be_is_refused_at_its_field(name: str) -> None:
    whole, ways = DOCUMENTS[name].whole, DOCUMENTS[name].ways
    for way, (words, value) in product(ways, NO_NUMBERS.items()):
        pointer = "/" + "/".join(map(str, way))
        refused = refused_at(changed(whole, way, value))
        assert any(map(partial(_on_one_way, pointer), refused)), (pointer, words, refused)


def _on_one_way(one: str, other: str) -> bool:
    """Whether one pointer leads to, or past, the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_whole_number_may_be_written_as_a_float_and_no_other_may(name: str) -> None:
    whole = DOCUMENTS[name].whole
    for way in DOCUMENTS[name].ways:
        value = at(whole, way)
        if isinstance(value, int):
            stored = StudySpec.model_validate(changed(whole, way, float(value)))
            found = at(stored.model_dump(mode="json"), way)
            assert (found, type(found)) == (value, int), way
            assert refused_at(changed(whole, way, value + 0.5)), way


@pytest.mark.parametrize(
    ("way", "value", "words"),
    [
        (("training", "gradient_clip_norm"), 1e-40, "a size from 1e-30 to 1e+30"),
        (("training", "gradient_clip_norm"), 1e38, "a size from 1e-30 to 1e+30"),
        (("optimizers", 0, "learning_rate", "low"), 5e-324, "a size from 1e-30 to 1e+30"),
        (("optimizers", 0, "weight_decay", "step"), 1.5, "nothing would be searched"),
        (("optimizers", 0, "init_std", "step"), 9, "nothing would be searched"),
        (("optimizers", 0, "init_std", "high"), 2**53 + 1, "must be from -9007199254740992"),
    ],
)
def test_a_number_that_would_train_or_search_nothing_is_refused_with_the_remedy(
    way: Way, value: float, words: str
) -> None:
    document = changed(DOCUMENTS["every field"].whole, way, value)
    with pytest.raises(ValidationError) as refused:
        StudySpec.model_validate(document)
    assert words in str(refused.value)
