"""Fields of the form for a new study are those of the specification, in its own words."""

from app.dashboard.submit.fields import field_at, simple_fields
from app.dashboard.submit.searched import searched_fields
from tuner.spec.families.gpt import Gpt
from tuner.spec.phases.searched_training import SearchedTraining
from tuner.spec.study import StudySpec

SCHEMA = StudySpec.model_json_schema()


def test_a_field_has_the_kind_choices_and_default_of_its_place() -> None:
    width = field_at(SCHEMA, "/target/width")
    assert (width.kind, width.choices, width.default) == ("integer", (), "")
    sampler = field_at(SCHEMA, "/search/sampler")
    assert sampler.choices[:2] == ("tpe", "random")
    assert sampler.default == "tpe"
    proxy = field_at(SCHEMA, "/proxy_width")
    assert proxy.default == (
        "an eighth of the target's; the base width of an own task, and of given shapes"
    )
    assert field_at(SCHEMA, "/at_target").choices == ("true", "false")
    stops = field_at(SCHEMA, "/stop_after")
    assert (stops.choices, stops.default) == (("check",), "every phase runs")
    assert field_at(SCHEMA, "/measure/widths").kind == "integers"
    assert field_at(SCHEMA, "/budget/gpu_hours").kind == "number"


def test_every_single_value_of_a_family_is_a_field() -> None:
    fields = {one.pointer: one for one in simple_fields(Gpt.model_json_schema(), "/family")}
    assert "/family/name" not in fields
    assert {f"/family/{name}" for name in Gpt.model_fields} - {"/family/name"} == set(fields)
    assert fields["/family/context"].short == "Tokens per sequence"
    assert fields["/family/positions"].choices


def test_whatever_a_search_may_draw_of_training_is_a_field() -> None:
    found = searched_fields(SCHEMA)
    names = {one.pointer.rpartition("/")[2] for one in found.fields}
    assert names | {"shape", "numbers"} == set(SearchedTraining.model_fields)
    assert "seesaw" not in {shape.name for shape in found.shapes}
    numbers = {one.field.label: (one.shapes, one.field.kind) for one in found.numbers}
    assert numbers["Timescale"] == (("inverse_sqrt", "power"), "range")
    assert numbers["Cycles"] == (("cosine_restarts",), "whole_range")


def test_fields_whose_values_are_longer_than_a_column_take_two() -> None:
    wide = {at: field_at(SCHEMA, at).is_long for at in ("/measure/plan", "/search/sampler")}
    assert wide == {"/measure/plan": True, "/search/sampler": False}
