"""Every way of clipping against numpy and torch, alone, in company and resumed."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.workers.cohort.cohorts import alone, distance, identical, precision, together
from tests.workers.specs import TINY_MLP, model_spec, trial_spec
from tuner.engine.orders import TrialSpec
from tuner.spec.study_fields import Training
from workers.training import clipping
from workers.training.clipping import Clipping, no_norms
from workers.training.trainer import train_to
from workers.training.trial import new_trial, restored_trial

STEPS = 20
WAYS: list[dict[str, Any]] = [
    {"gradient_clip_norm": 0.5},
    {"gradient_clip_value": 0.01},
    {"gradient_clip_percentile": 30},
    {"average_fraction": 0.2},
    {"gradient_clip_percentile": 50, "average_fraction": 0.1},
]
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(way))


def specs(way: dict[str, Any], trials: int = 1) -> list[TrialSpec]:
    """Trials of an MLP; every other one trains without what the way adds."""
    plain = {"steps": STEPS, "batch_size": 8}
    return [
        trial_spec(
            number=number,
            model=model_spec(TINY_MLP, width=32),
            train=Training(**plain | ({} if number % 2 else way)),
        )
        for number in range(trials)
    ]


@each_way
def test_a_trial_of_a_cohort_clips_and_averages_as_it_would_alone(way: dict[str, Any]) -> None:
    with precision(torch.float64):
        asked = specs(way, trials=4)
        for spec, trial in zip(
            asked, together([new_trial(spec) for spec in asked], STEPS).trials, strict=True
        ):
            reference = alone(spec, STEPS)
            assert distance(trial, reference) < 1e-12
            for ours, expected in zip(trial.averages or (), reference.averages or (), strict=True):
                torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-14)


@each_way
def test_a_resumed_trial_goes_on_as_if_it_had_never_stopped(way: dict[str, Any]) -> None:
    (spec,) = specs(way)
    whole, half = new_trial(spec), new_trial(spec)
    segment = train_to(whole, STEPS)
    train_to(half, STEPS // 2)
    resumed = restored_trial(spec, half.state())
    assert train_to(resumed, STEPS).validation_loss == segment.validation_loss
    assert identical(resumed, whole)


def test_a_checkpoint_of_a_release_that_remembered_nothing_is_read() -> None:
    (spec,) = specs({})
    trial = new_trial(spec)
    train_to(trial, 2)
    state = trial.state()
    del state["past_norms"], state["averages"]
    assert restored_trial(spec, state).step == 2


@pytest.mark.parametrize("percentile", [10.0, 37.5, 100.0])
def test_a_percentile_is_numpys_of_the_norms_before(
    percentile: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clipping, "WINDOW", 7)
    norms = torch.rand(20, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.5
    past = no_norms(torch.device("cpu"))
    training = Training(gradient_clip_percentile=percentile)
    rule = Clipping([training], [0], [past], like=norms)
    for step, norm in enumerate(norms):
        before = norms[max(0, step - 7) : step].numpy()
        limit = np.percentile(before, percentile) if step else np.inf
        gradient = torch.ones(1, 3, dtype=torch.float64)
        (kept,) = rule.clip([gradient], norm.view(1))
        assert kept.item() == pytest.approx(min(1.0, limit / (norm.item() + 1e-6)))
        assert gradient.tolist() == [[kept.item()] * 3]


def test_clipping_by_value_is_torchs_and_reports_the_share_of_the_norm_that_is_left() -> None:
    gradients = [torch.tensor([[3.0, -0.2], [0.5, 4.0]]), torch.tensor([[0.1], [-2.0]])]
    expected = [gradient.clone().requires_grad_() for gradient in gradients]
    for one in expected:
        one.grad = one.detach().clone()
    torch.nn.utils.clip_grad_value_([one for one in expected], 1.0)
    norms = torch.stack([gradient.square().sum(1) for gradient in gradients]).sum(0).sqrt()
    trainings = [Training(gradient_clip_value=1.0), Training(gradient_clip_value=1.0)]
    kept = Clipping(trainings, [0, 0], [None, None], like=norms).clip(gradients, norms)
    for ours, theirs in zip(gradients, expected, strict=True):
        assert theirs.grad is not None
        assert torch.equal(ours, theirs.grad)
    left = torch.stack([gradient.square().sum(1) for gradient in gradients]).sum(0).sqrt()
    torch.testing.assert_close(kept, left / norms)


def test_the_average_is_the_weighted_mean_of_all_weights_so_far() -> None:
    """As torch's own `AveragedModel` with the same decay, corrected for its start."""
    with precision(torch.float64):
        (spec,) = specs({"average_fraction": 0.25})
        trial = new_trial(spec)
        kept = np.exp(-1 / (0.25 * STEPS))
        sums = [torch.zeros_like(weight) for weight in trial.model.parameters()]
        total = 0.0
        for step in range(1, STEPS + 1):
            train_to(trial, step)
            total = kept * total + 1
            for one, weight in zip(sums, trial.model.parameters(), strict=True):
                one.mul_(kept).add_(weight.detach())
        for average, one in zip(trial.averages or (), sums, strict=True):
            torch.testing.assert_close(average, one / total, rtol=1e-10, atol=1e-14)


def test_a_trial_is_validated_with_its_average_and_trains_on_with_its_weights() -> None:
    (plain,), (spec,) = specs({}), specs({"average_fraction": 0.5})
    averaged, trained = new_trial(spec), new_trial(plain)
    first, second = train_to(averaged, STEPS), train_to(trained, STEPS)
    assert averaged.train_losses == trained.train_losses
    assert first.validation_loss != second.validation_loss
    for ours, theirs in zip(averaged.parameters, trained.parameters, strict=True):
        assert torch.equal(ours, theirs)
