"""Studies whose targets differ from their proxies in more than width."""

from dataclasses import replace
from typing import Any

from parametrization.recommendation.trust import Axis, Reason
from parametrization.scaling.companions import flat_defaults
from parametrization.shapes.roles import ModelShape
from tests.tuner.builders import SHAPE, hyperparameters, measured, snapshot, spec, study, trial
from tuner.recommendation.recommend import Recommendation
from tuner.records.snapshot import StudySnapshot

BLOCKS = ModelShape(
    SHAPE.base_width,
    tuple(replace(t, in_block=t.name.startswith("blocks.")) for t in SHAPE.tensors),
)
TRIALS = measured(widths=(32, 64, 128, 256)).trials
TOKENS = 200 * 16 * 32  # of the proxies


def known(**fields: Any) -> StudySnapshot:  # noqa: ANN401  a study's fields
    """A GPT study of depth 2 that measured its target's width."""
    return snapshot(TRIALS, record=study(spec=spec(**fields), shape=BLOCKS))


def led_by(optimizer: str, **fields: Any) -> StudySnapshot:  # noqa: ANN401
    """The same with another optimizer, and what it takes."""
    numbers = hyperparameters() | dict(flat_defaults(optimizer)) | {"learning_rate": 2.0**-5}
    record = study(spec=spec(optimizers=[{"name": optimizer}], **fields), shape=BLOCKS)
    taken = {k: v for k, v in numbers.items() if k in flat_defaults(optimizer)}
    kept = {"init_std": 1.0, "output_multiplier": 1.0, "learning_rate": 2.0**-5}
    one = trial(0, optimizer=optimizer, hyperparameters=taken | kept)
    return snapshot([one], statistics=(), record=record)


def axis(answer: Recommendation, name: str) -> Axis:
    return next(one for one in answer.axes if one.name == name)


def reason(answer: Recommendation, topic: str) -> Reason:
    (found,) = [one for one in answer.reasons if one.topic == topic]
    return found
