"""A study is asked to measure depth, batch and tokens: which cells, and what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.tuner.builders import SHAPE, spec
from tuner.evidence.planning.slots import SlotsAtWork
from tuner.evidence.planning.study_preview import preview
from tuner.spec.states import Purpose
from tuner.spec.study import StudySpec

TOKENS = 200 * 16 * 32
"""Of the proxies: steps, batch, context."""
GPT: dict[str, Any] = {"family": {"name": "gpt"}, "target": {"width": 256}}


def asked(**axes: Any) -> StudySpec:  # noqa: ANN401  fields of MeasuredAxes
    return spec(measure={"axes": axes})


def problems(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as refused:
        StudySpec.model_validate(document)
    (error,) = refused.value.errors()
    return dict(error["ctx"]["problems"])


def test_a_study_measures_no_axis_beside_width_unless_it_is_asked_to() -> None:
    assert spec().cells == ()
    assert spec().measure.axes.names == ()


def test_batch_and_tokens_are_crossed_and_depth_stands_alone() -> None:
    found = asked(depth=[4, 8], batch=[16, 32, 64], tokens=[2 * TOKENS, 4 * TOKENS])
    places = {(cell.depth, cell.batch_size, cell.steps) for cell in found.cells}
    crossed = {(2, b, n * 200 * 16 // b) for b in (16, 32, 64) for n in (1, 2, 4)}
    assert places == {(4, 16, 200), (8, 16, 200)} | crossed - {(2, 16, 200)}
    assert found.measure.axes.names == ("depth", "batch", "tokens")


def test_trials_of_a_cell_train_with_its_depth_batch_and_duration() -> None:
    (deep, _) = asked(depth=[4, 8]).cells
    of_cell = asked(depth=[4, 8]).at(deep)
    assert (of_cell.family.depth, of_cell.training.steps, of_cell.rungs[-1]) == (4, 200, 200)
    (short, _) = asked(tokens=[TOKENS // 2, 2 * TOKENS]).cells
    assert asked(tokens=[TOKENS // 2, 2 * TOKENS]).at(short).rungs == (25, 50, 100)
    assert spec().at(None) == spec()


@pytest.mark.parametrize(
    ("axes", "pointer", "words"),
    [
        ({"depth": [4]}, "/measure/axes/depth", "2, 4, the proxies' 2 among them, are 2 different"),
        ({"batch": [16, 32]}, "/measure/axes/batch", "give 3 or more"),
        ({"tokens": [TOKENS, TOKENS]}, "/measure/axes/tokens", "1 different values"),
        ({"tokens": [32, 64]}, "/measure/axes/tokens", "are 1 steps: raise the tokens"),
        ({"batch": [64, 8192]}, "/measure/axes/batch", "lower the batch until they are 8 or more"),
    ],
)
def test_axes_that_no_law_can_be_fitted_to_are_refused(
    axes: dict[str, Any], pointer: str, words: str
) -> None:
    assert words in problems(GPT | {"measure": {"axes": axes}})[pointer]


def test_what_a_family_or_its_training_cannot_have_is_refused_at_its_value() -> None:
    mlp = {"family": {"name": "mlp"}, "target": {"width": 256}}
    found = problems(mlp | {"measure": {"axes": {"depth": [6, 12]}}})
    assert "its layers are no residual blocks" in found["/measure/axes/depth/0"]
    microbatches = GPT | {"training": {"batch_size": 16, "accumulation": 8}}
    found = problems(microbatches | {"measure": {"axes": {"batch": [20, 32]}}})
    assert "do not divide batch 20 evenly" in found["/measure/axes/batch/0"]


def test_the_preview_lists_every_cell_with_its_own_cost() -> None:
    usual = preview(spec(), SHAPE, SlotsAtWork())
    found = preview(asked(tokens=[2 * TOKENS, 4 * TOKENS]), SHAPE, SlotsAtWork())
    cells = [one for one in found.planned if one.purpose is Purpose.AXIS]
    assert [(one.trials, one.steps) for one in cells] == [(10, 400), (10, 800)]
    assert all(one.cell is not None for one in cells)
    assert [one.flops for one in cells] == sorted(one.flops or 0 for one in cells)
    assert cells[1].flops == 2 * (cells[0].flops or 0)
    assert found.trials == usual.trials + 20
