"""Records of installed packages: what is a declaration, and what a study keeps of it."""

import shutil
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Annotated, Any, Final

import pytest
from pydantic import TypeAdapter, ValidationError

from parametrization.plugins import Plugins, judged
from tests.plugins.conftest import write_metadata
from tuner.spec.datasets.dataset import Dataset
from tuner.spec.datasets.registry import BUILT_IN, GROUP, PLUGINS
from tuner.spec.plugins import with_plugins
from tuner.spec.registry import OneOf

POINTS: Final = """[widthwise.datasets]
verses = verses_records:Verses
digits = verses_records:Digits
nameless = verses_records:Nameless
packaged = verses_records:Packaged
number = verses_records:NUMBER
dict = builtins:dict
"""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugins[type[Dataset]]:
    """What an installed package of these records offers."""
    source = Path(__file__).parent / "liars" / "records.py"
    shutil.copy(source, tmp_path / "verses_records.py")
    write_metadata(tmp_path, "verses", "2.1", POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [one for at in distributions(path=[str(tmp_path)]) for one in at.entry_points]
    return judged(GROUP, points).beside(BUILT_IN, GROUP.word)


@pytest.fixture
def registry(found: Plugins[type[Dataset]]) -> Mapping[str, type[Dataset]]:
    return with_plugins(BUILT_IN, found)


def test_no_package_brings_datasets_where_the_tests_run() -> None:
    assert not PLUGINS.usable


def test_what_is_no_declaration_is_left_out_with_the_reason(
    found: Plugins[type[Dataset]],
) -> None:
    assert list(found.usable) == ["verses"]
    assert {one.name: one.reason for one in found.left_out} == {
        "digits": "widthwise itself has a dataset of that name",
        "dict": "builtins:dict does not extend Dataset",
        "nameless": 'verses_records:Nameless has no field `name: Literal["..."]`',
        "number": "verses_records:NUMBER is a int, not a class that extends Dataset",
        "packaged": "verses_records:Packaged has a field plugin, which is widthwise's own:"
        " rename it",
    }


def test_a_record_keeps_the_package_it_comes_from(
    registry: Mapping[str, type[Dataset]],
) -> None:
    verses = registry["verses"].model_validate({"name": "verses"})
    assert verses.model_dump() == {"name": "verses", "poet": "everybody", "plugin": "verses 2.1"}
    assert verses.loader == "verses.loading:load"
    described = registry["verses"].model_json_schema()
    assert described["description"] == "Lines of poems."
    assert described["properties"]["poet"]["description"] == "Whose."
    assert "plugin" not in registry["digits"].model_fields


def test_one_that_was_left_out_is_refused_with_the_reason(
    registry: Mapping[str, type[Dataset]], found: Plugins[type[Dataset]]
) -> None:
    chosen: TypeAdapter[Any] = TypeAdapter(Annotated[Dataset, OneOf(registry, found)])
    with pytest.raises(ValidationError, match=r"dict of verses 2.1 cannot be used: builtins:dict"):
        chosen.validate_python({"name": "dict"})
    assert type(chosen.validate_python({"name": "digits"})) is BUILT_IN["digits"]
    for other in ("unheard-of", 3, None, ["dict"]):
        with pytest.raises(ValidationError):
            chosen.validate_python({"name": other})
