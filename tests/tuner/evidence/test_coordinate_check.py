"""The verdict on the coordinate check of one optimizer."""

from tests.tuner.builders import passing_check, snapshot, study
from tuner.evidence.coordinate_check import check_verdict

ADAMW, SGD = "adamw", "sgd"


def test_the_check_is_judged_per_optimizer() -> None:
    wrong = tuple(
        at.model_copy(update={"update_rms": at.update_rms * at.width / 64})
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
