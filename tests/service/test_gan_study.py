"""The example of a GAN, made small, from its file to a recommendation."""

from pathlib import Path
from typing import Any

from app.schemas.evidence import sensitivity_read
from tests.service.one_process import completed
from tests.tuner.recommendation.answers import recommend
from tuner.evidence.study_evidence import study_evidence
from tuner.spec.states import Purpose, StateReason, TrialState
from tuner.spec.study import StudySpec
from widthwise.cli.spec_file import read_spec

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "gan.yaml"
SMALL: dict[str, Any] = {
    "target": {"width": 32},
    "proxy_width": 8,
    "check": {"widths": [8, 16, 32], "seeds": 4},
    "search": {"trials": 4, "batch_size": 2, "pruner": "median"},
    "measure": {"widths": [8, 16, 32], "grid_points": 5, "seeds": 2, "grid_factor": 8},
    "on_failed_check": "warn",
}


def test_the_example_runs_to_a_recommendation_and_prunes_and_compares_by_the_distance(
    tmp_path: Path,
) -> None:
    given = read_spec(EXAMPLE)
    training = given["training"] | {"steps": 8, "batch_size": 16}
    spec = StudySpec.model_validate(given | SMALL | {"training": training})
    snapshot = completed(spec, tmp_path)
    finished = [trial for trial in snapshot.trials if trial.state is TrialState.COMPLETE]
    assert {trial.purpose for trial in finished} == {Purpose.SEARCH, Purpose.MEASURE}
    for trial in finished:
        assert trial.value is not None
        assert trial.value == trial.validation_loss == trial.intermediate_values[8] > 0
        assert trial.intermediate_values.keys() == {2, 4, 8}
    assert all(trial.state_reason is not StateReason.ERROR for trial in snapshot.trials)
    evidence = sensitivity_read(snapshot.study, study_evidence(snapshot))
    assert evidence.compared_by == spec.family.compared_by
    losses = {seed.loss for curve in evidence.curves for p in curve.points for seed in p.seeds}
    assert losses <= {trial.value for trial in snapshot.trials}
    answer = recommend(snapshot)
    patterns = [pattern for group in answer.groups for pattern in group.patterns]
    assert {pattern.partition(".")[0] for pattern in patterns} == {"generator", "discriminator"}
    assert answer.learning_rate.value > 0
