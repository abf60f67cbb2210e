"""Studies side by side: where specifications differ, and how far their rates lie apart."""

import pytest

from tests.tuner.builders import measured, spec, surface
from tests.tuner.recommendation.answers import recommend
from tuner.recommendation.comparing.answers import in_short, rate_change
from tuner.recommendation.comparing.spec_differences import differences


def test_only_what_changes_trials_is_a_difference() -> None:
    one = spec(name="a", labels={"team": "x"}, priority=3, training={"steps": 100})
    other = spec(name="b", training={"steps": 200})
    found = {each.pointer: each.values for each in differences({"a": one, "b": other})}
    assert found["/training/steps"] == {"a": 100, "b": 200}
    assert not any(pointer.startswith(("/name", "/labels", "/priority")) for pointer in found)


def test_optimizers_are_told_apart_by_name_wherever_they_stand() -> None:
    one = spec(optimizers=[{"name": "adamw"}, {"name": "sgd"}])
    other = spec(optimizers=[{"name": "sgd"}, {"name": "adamw", "weight_decay": 0.25}])
    (found,) = (
        each for each in differences({"a": one, "b": other}) if "optimizers" in each.pointer
    )
    assert found.pointer.startswith("/optimizers/adamw/weight_decay")
    assert found.values["b"] == 0.25


def test_a_field_that_one_family_alone_has_is_a_difference() -> None:
    one, other = spec(family={"name": "gpt"}), spec(family={"name": "mlp"})
    found = {each.pointer: each.values for each in differences({"a": one, "b": other})}
    assert found["/family/name"] == {"a": "gpt", "b": "mlp"}
    assert found["/family/head_size"].keys() == {"a"}


def test_an_object_that_one_alone_has_is_told_by_its_fields_and_not_besides() -> None:
    one, other = spec(dynamics={"looks": 5}), spec()
    found = {each.pointer: each.values for each in differences({"a": one, "b": other})}
    assert found["/dynamics/looks"] == {"a": 5}
    assert "/dynamics" not in found


def test_a_specification_does_not_differ_from_itself() -> None:
    assert differences({"a": spec(), "b": spec()}) == ()


@pytest.mark.parametrize(
    ("octaves", "words", "do_meet"),
    [(2.0, "octaves higher", False), (-2.0, "octaves lower", False), (0.0, "the same", True)],
)
def test_a_change_of_rate_is_told_in_octaves(octaves: float, words: str, do_meet: bool) -> None:
    one = in_short(recommend(measured(widths=(32, 64, 128))))
    moved = measured(surface(optimum=-5.3 + octaves), widths=(32, 64, 128))
    change = rate_change(one, in_short(recommend(moved)))
    assert change.octaves == pytest.approx(octaves, abs=0.1)
    assert words in change.words
    assert change.do_intervals_meet == do_meet
