"""What curvature and noise say of a target: the batch that pays, and the edge of stability."""

import pytest

from parametrization.recommendation.dynamics import StudyDynamics, WidthDynamics
from tests.tuner.analytic_engine import dynamics_at
from tests.tuner.builders import snapshot, study
from tests.tuner.recommendation.answers import recommend
from tests.tuner.recommendation.targets import TRIALS
from tuner.evidence.dynamics.findings import dynamics_findings, dynamics_of
from tuner.records.snapshot import StudySnapshot
from tuner.spec.study import StudySpec


def seen(edge: float) -> StudySnapshot:
    stored = StudyDynamics(trainings=tuple(dynamics_at(width, edge) for width in (64, 32)))
    return snapshot(TRIALS, record=study(dynamics=stored))


def test_noise_and_gradient_are_averaged_over_late_looks_before_their_ratio() -> None:
    looks = [
        look.model_copy(update={"gradient_square": square, "noise_trace": 4.0})
        for look, square in zip(dynamics_at(32).looks, (100.0, 0.3, -0.1), strict=True)
    ]
    found = dynamics_findings([dynamics_at(32).model_copy(update={"looks": tuple(looks)})])
    assert found is not None
    assert found.critical_batch == pytest.approx(8.0 / 0.2)
    assert found.batch_size == 32


def test_noise_that_hides_the_gradient_gives_no_batch_and_says_so() -> None:
    looks = [look.model_copy(update={"gradient_square": -0.01}) for look in dynamics_at(32).looks]
    found = dynamics_findings([dynamics_at(32).model_copy(update={"looks": tuple(looks)})])
    assert found is not None
    assert (found.critical_batch, found.batch_size) == (None, None)
    assert "no gradient was seen beyond its noise" in found.words[0]


def test_an_answer_names_the_critical_batch_and_the_edge_of_its_proxies() -> None:
    answer = recommend(seen(0.5)).dynamics
    assert answer is not None
    assert answer.critical_batch == pytest.approx(80.0)
    assert answer.batch_size == 64
    assert (answer.edge, answer.edge_width, answer.edge_step) == (0.5, 64, 100)
    assert not any(reason.topic == "stability" for reason in recommend(seen(0.5)).reasons)


def test_a_proxy_at_the_edge_of_stability_is_a_reason_for_caution() -> None:
    (reason,) = [one for one in recommend(seen(1.2)).reasons if one.topic == "stability"]
    assert reason.severity == "caution"
    assert "was 1.2 times the most that is stable" in reason.words


@pytest.mark.parametrize(
    ("edges", "sustained"),
    [
        ((None, 250.0, 0.4, 0.3), 0.4),  # Adam's curvature falls in its first updates
        ((0.2, 0.3, 250.0, 0.0), 0.3),  # one batch
        ((250.0, 0.3, 1.5, 1.6), 1.5),  # rises to the edge, and stays
        ((None, 1.2, 1.3, 0.0), 1.2),  # the last rate has decayed
        ((0.1, 250.0, 250.0, 250.0, 0.5, 0.6, 0.7, 0.8, 0.6), 0.7),
        ((0.3, 2.0), 2.0),  # nothing else was looked at
        ((250.0, None, None), None),
    ],
)
def test_a_look_alone_is_no_edge_of_stability(
    edges: tuple[float | None, ...], sustained: float | None
) -> None:
    like, last = dynamics_at(32).looks[0], len(edges) - 1
    looks = tuple(
        like.model_copy(update={"step": 200 * at // last, "edge": edge})
        for at, edge in enumerate(edges)
    )
    found = dynamics_findings([dynamics_at(32).model_copy(update={"looks": looks})])
    assert found is not None
    assert found.edge == sustained
    known = [edge for edge in edges if edge is not None]
    if sustained is not None:
        assert f"the largest once was {max(known):g} times" in found.words[1]


def test_nothing_seen_is_nothing_found_and_optimizers_are_kept_apart() -> None:
    none = WidthDynamics(
        optimizer="adam", width=32, batch_size=16, learning_rate=0.1, problem="error: lost"
    )
    assert dynamics_findings([]) is None
    assert dynamics_findings([none]) is None
    stored = StudyDynamics(trainings=(dynamics_at(32), none))
    assert dynamics_of(stored, "adam") == (none,)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dynamics": {"looks": 1}}, "greater than or equal to 2"),
        ({"dynamics": 3}, "dynamics"),
        ({"dynamics": {"eigenvalues": 1}}, "greater than or equal to 2"),
    ],
)
def test_unfit_requests_are_refused(fields: dict[str, object], words: str) -> None:
    document = {"family": {"name": "gpt"}, "target": {"width": 256}}
    with pytest.raises(ValueError, match=words):
        StudySpec.model_validate(document | fields)


def test_looks_are_even_and_true_means_the_defaults() -> None:
    document = {"family": {"name": "gpt"}, "target": {"width": 256}, "dynamics": True}
    asked = StudySpec.model_validate(document).dynamics
    assert not isinstance(asked, bool)
    assert asked.steps_of(200) == (0, 67, 133, 200)
    assert asked.steps_of(2) == (0, 1, 2)
