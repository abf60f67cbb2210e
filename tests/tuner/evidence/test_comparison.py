"""The optimizers of one study compared."""

import pytest

from tests.tuner.builders import Trials, measured, snapshot, spec, study, surface
from tuner.evidence.comparison import compare_optimizers
from tuner.evidence.sensitivity import sensitivity

ADAMW, SGD = "adamw", "sgd"


def test_optimizers_are_ranked_at_the_widest_width_that_all_are_measured_at() -> None:
    record = study(spec=spec(optimizers=[{"name": "sgd"}, {"name": "adamw"}]))
    trials = (
        Trials(surface())
        .measure(optimizer=ADAMW)
        .measure(widths=(32, 64), optimizer=SGD, offset=0.05)
    )

    standings = compare_optimizers(sensitivity(snapshot(trials, record=record)), [SGD, ADAMW])

    assert [at.optimizer for at in standings] == [ADAMW, SGD]
    assert {at.width for at in standings} == {64}
    assert standings[0].excess_percent == 0
    assert standings[1].excess_percent == pytest.approx(5.1, abs=1)
    assert compare_optimizers(sensitivity(measured()), [ADAMW, SGD]) == ()
