"""The verdict on the coordinate check of one optimizer."""

from tests.tuner.builders import SHAPE, passing_check, snapshot, study
from tuner.evidence.coordinate_check import check_verdict
from tuner.records.snapshot import OptimizerStatistic

ADAMW, SGD = "adamw", "sgd"


def test_the_check_is_judged_per_optimizer() -> None:
    wrong = tuple(
        at.model_copy(update={"update_rms": (at.update_rms or 0.0) * at.width / 64})
        for at in passing_check(SGD)
    )
    both = snapshot(statistics=passing_check(ADAMW) + wrong)

    right, failed = check_verdict(both, ADAMW), check_verdict(both, SGD)

    assert right is not None
    assert failed is not None
    assert right.passed
    assert failed.passed is False
    assert check_verdict(both, "adam") is None
    assert check_verdict(snapshot(record=study(shape=None)), ADAMW) is None


def test_what_lies_between_tensors_is_judged_with_them_where_it_was_measured() -> None:
    def output(slope: float) -> tuple[OptimizerStatistic, ...]:
        return tuple(
            at.model_copy(
                update={
                    "tensor": "model output",
                    "propagation_rms": None,
                    "update_rms": None,
                    "initial_rms": 0.1 * at.width**slope,
                }
            )
            for at in passing_check(ADAMW)
            if at.tensor == SHAPE.tensors[0].name
        )

    older = check_verdict(snapshot(statistics=passing_check(ADAMW)), ADAMW)
    right = check_verdict(snapshot(statistics=passing_check(ADAMW) + output(-0.5)), ADAMW)
    wrong = check_verdict(snapshot(statistics=passing_check(ADAMW) + output(0.5)), ADAMW)

    assert [getattr(one, "passed", None) for one in (older, right, wrong)] == [True, True, False]
    assert wrong is not None
    assert "model output: size at step 0 grows like width^0.50" in wrong.summary
