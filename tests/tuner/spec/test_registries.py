"""Registries of families and datasets: looked up by name, open to one more declaration."""

from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from parametrization.recommendation.record import Record
from tests.tuner.builders import spec
from tuner.spec.datasets.dataset import LabelledImages
from tuner.spec.datasets.digits import Digits
from tuner.spec.datasets.registry import DATASETS, AnyDataset, datasets_of, default_dataset
from tuner.spec.families.mlp import Mlp
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.families.registry import FAMILIES, AnyFamily
from tuner.spec.registry import OneOf, by_name
from tuner.spec.study import StudySpec


class Perceptron(ModelFamily):
    """One layer."""

    trains_on: ClassVar = LabelledImages
    builder: ClassVar = "somewhere.perceptron:build"

    name: Literal["perceptron"]
    depth: int = 1


@pytest.mark.parametrize(
    ("field", "names"),
    [(AnyFamily, list(FAMILIES)), (AnyDataset, list(DATASETS))],
    ids=["families", "datasets"],
)
def test_an_unknown_name_is_answered_with_all_known_ones(field: Any, names: list[str]) -> None:  # noqa: ANN401  an annotated type
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(field).validate_python({"name": "unheard-of"})
    (error,) = refused.value.errors()
    assert error["type"] == "union_tag_invalid"
    assert error["ctx"]["expected_tags"] == ", ".join(f"'{name}'" for name in names)


@pytest.mark.parametrize(
    ("field", "registry"),
    [(AnyFamily, FAMILIES), (AnyDataset, DATASETS)],
    ids=["families", "datasets"],
)
def test_the_schema_lists_every_declaration_by_its_name(
    field: Any,  # noqa: ANN401  an annotated type
    registry: dict[str, type[Record]],
) -> None:
    schema = TypeAdapter(field).json_schema()
    mapping = {name: f"#/$defs/{record.__name__}" for name, record in registry.items()}
    assert schema["discriminator"] == {"propertyName": "name", "mapping": mapping}
    assert [kind["$ref"] for kind in schema["oneOf"]] == list(mapping.values())
    described = [schema["$defs"][record.__name__] for record in registry.values()]
    assert all(at["description"] and at["additionalProperties"] is False for at in described)


SELF_CONTAINED = [name for name, family in FAMILIES.items() if not family.is_external]
"""Families that need no option."""


@pytest.mark.parametrize("name", SELF_CONTAINED)
def test_every_family_makes_a_study_from_its_name_alone(name: str) -> None:
    made = spec(family={"name": name})
    assert isinstance(made.family, FAMILIES[name])
    assert isinstance(made.dataset, made.family.trains_on)
    assert StudySpec.model_validate_json(made.model_dump_json()) == made


def test_one_more_declaration_is_all_that_a_registry_needs() -> None:
    declared: list[type[ModelFamily]] = [*FAMILIES.values(), Perceptron]
    registry = by_name(declared)
    chosen: TypeAdapter[ModelFamily] = TypeAdapter(Annotated[ModelFamily, OneOf(registry)])
    assert chosen.validate_python({"name": "perceptron"}) == Perceptron(name="perceptron")
    assert chosen.validate_python({"name": "mlp"}) == Mlp(name="mlp")
    assert "perceptron" in chosen.json_schema()["discriminator"]["mapping"]


def test_two_declarations_of_one_name_are_refused() -> None:
    class Other(Perceptron):
        """Of the same name."""

    with pytest.raises(ValueError, match=r"Perceptron and .*Other are both called 'perceptron'"):
        by_name((Perceptron, Other))


def test_a_family_trains_on_every_dataset_of_its_kind() -> None:
    class Letters(LabelledImages):
        """Another one of the kind."""

    assert datasets_of(LabelledImages) == ("digits", "image-folder", "npz-images")
    assert datasets_of(Mlp.trains_on) == (*datasets_of(LabelledImages), "npz-vectors")
    assert default_dataset(LabelledImages) == Digits(name="digits")
    letters = Letters(name="letters")
    assert isinstance(letters, Mlp.trains_on)


def test_a_dataset_of_another_kind_is_refused_with_those_that_fit() -> None:
    words = "family mlp cannot train on stdlib-text: use one of digits"
    with pytest.raises(ValidationError, match=words):
        spec(family={"name": "mlp"}, dataset={"name": "stdlib-text"})


@pytest.mark.parametrize("name", FAMILIES)
def test_the_smallest_width_is_legal_and_no_narrower_one_would_do(name: str) -> None:
    family = FAMILIES[name].model_validate({"name": name})
    for at_least in range(1, 100):
        width = family.smallest_width(at_least)
        assert family.width_problem(width) is None
        assert at_least <= width < at_least + family.width_divisor
