"""A check that is posted in pieces is judged once all of it is there."""

import datetime as dt
from dataclasses import replace
from itertools import product

import pytest

from tests.tuner.analytic_engine import SHAPE
from tests.tuner.own_trainer import SHAPES, external_spec
from tuner.evidence.checks.posted import awaited_statistics
from tuner.records.snapshot import OptimizerStatistic, StudyRecord
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec

WIDTHS = (32, 64, 128)
TENSORS = tuple(tensor.name for tensor in SHAPE.tensors)
SEEN = (*TENSORS, "model output")
SEEDS = range(4)


def study(check: str = "posted") -> StudyRecord:
    family = {"name": "external", "shapes": SHAPES, "check": check}
    spec = StudySpec.model_validate(external_spec(family=family, check={"widths": WIDTHS}))
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return StudyRecord(
        id="std_posted",
        state=StudyState.CHECKING,
        resume_state=None,
        reason=None,
        spec=spec,
        shape=SHAPE,
        created_at=at,
        updated_at=at,
        finished_at=None,
        version=1,
    )


def statistic(width: int, seed: int, tensor: str) -> OptimizerStatistic:
    return OptimizerStatistic(
        optimizer="adamw",
        tensor=tensor,
        width=width,
        seed=seed,
        update_rms=0.1,
        propagation_rms=None,
    )


SEED_BY_SEED = [statistic(*at) for at in product(WIDTHS, SEEDS, SEEN)]


def test_what_is_sent_seed_by_seed_is_not_whole_before_its_last_statistic() -> None:
    for sent in range(len(SEED_BY_SEED)):
        assert list(awaited_statistics(study(), SEED_BY_SEED[:sent]))
    assert not list(awaited_statistics(study(), SEED_BY_SEED))


def test_a_width_waits_for_every_tensor_that_the_shapes_train() -> None:
    first, *others = TENSORS
    sent = [statistic(*at) for at in product(WIDTHS, SEEDS, others)]
    found = list(awaited_statistics(study(), sent))
    assert [(one.width, one.words) for one in found] == [
        (width, f"{first} of seed 0") for width in reversed(WIDTHS)
    ]
    frozen = [replace(one, kept=True) if one.name == first else one for one in SHAPE.tensors]
    kept = study().model_copy(update={"shape": replace(SHAPE, tensors=tuple(frozen))})
    assert not list(awaited_statistics(kept, sent))


def test_a_width_waits_for_what_another_has_beside_its_tensors() -> None:
    sent = [statistic(*at) for at in product(WIDTHS, SEEDS, TENSORS)]
    beside = [statistic(32, seed, "model output") for seed in SEEDS]
    found = [(one.width, one.words) for one in awaited_statistics(study(), [*sent, *beside])]
    assert found == [(width, "model output of seed 0") for width in (128, 64)]


@pytest.mark.parametrize("missing", [1, 3])
def test_a_width_waits_for_as_many_seeds_as_are_checked_whatever_their_numbers(
    missing: int,
) -> None:
    seeds = [10, 20, 30, 40]
    sent = [statistic(*at) for at in product(WIDTHS, seeds[missing:], TENSORS)]
    assert {one.words for one in awaited_statistics(study(), sent)} == {f"{missing} of 4 seeds"}
    whole = [statistic(*at) for at in product(WIDTHS, seeds, TENSORS)]
    assert not list(awaited_statistics(study(), whole))


def test_nothing_is_awaited_of_a_check_that_is_skipped() -> None:
    assert not list(awaited_statistics(study("skipped"), []))
