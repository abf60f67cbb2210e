"""A whole study of every optimizer, decided, stored and trained for real, in one process."""

from pathlib import Path

import pytest

from parametrization.optimizers.registry import STUDIED
from parametrization.scaling.companions import assignment_of
from tests.service.one_process import completed
from tests.tuner.recommendation.answers import recommend
from tuner.recommendation.exports.pytorch import as_python
from tuner.recommendation.recommend import Recommendation
from tuner.spec.study import StudySpec

HALVES = (list(STUDIED)[::2], list(STUDIED)[1::2])
"""Two studies: one may not name as many optimizers as there are."""


def config(name: str) -> dict[str, object]:
    """The optimizer, searched around the middle of its default range."""
    middle = sum(STUDIED[name].log2_rates) / 2
    rates = {"type": "float", "low": 2 ** (middle - 1), "high": 2 ** (middle + 1), "log": True}
    return {"name": name, "learning_rate": rates}


def spec(names: list[str]) -> StudySpec:
    """The smallest study there is."""
    return StudySpec.model_validate(
        {
            "family": {"name": "mlp", "depth": 2},
            "target": {"width": 32},
            "proxy_width": 8,
            "optimizers": [config(name) for name in names],
            "training": {"steps": 8, "batch_size": 8},
            "check": {"widths": [8, 16, 32], "seeds": 4},
            "search": {"trials": 2, "batch_size": 2, "pruner": "none"},
            "measure": {"widths": [8, 16, 32], "grid_points": 5},
            "on_failed_check": "warn",
            "packing": "solo",  # probing every optimizer at every width takes longer than all this
        }
    )


@pytest.mark.parametrize("names", HALVES, ids=["one half", "other half"])
def test_a_study_runs_to_a_recommendation_for_each_optimizer(
    names: list[str], tmp_path: Path
) -> None:
    snapshot = completed(spec(names), tmp_path)
    assert {standing.optimizer for standing in recommend(snapshot).optimizers} == set(names)
    for name in names:
        assert_says_who_trains_what(recommend(snapshot, optimizer=name), name)


def assert_says_who_trains_what(answer: Recommendation, name: str) -> None:
    by_role = assignment_of(name).by_role
    assert [group.optimizer for group in answer.groups] == [
        by_role[group.role] for group in answer.groups
    ]
    given = answer.base_hyperparameters
    for group in answer.groups:
        ratio = 1.0 if group.optimizer == name else given["learning_rate_ratio"]
        base = given["learning_rate"] * ratio
        assert group.learning_rate == pytest.approx(base * group.learning_rate_multiplier)
    shape = "linear" if STUDIED[name].decays else "constant"
    assert answer.schedule.shape == shape
    assert f"{name} under mup" in as_python(answer)
