"""The solo trainer, against PyTorch written out by hand and against its own promises."""

import math

import pytest
import torch
from torch.nn import functional

from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.schedule import Schedule
from parametrization.schedules.registry import SHAPES
from tests.workers.specs import (
    TINY_GPT,
    TINY_MLP,
    hyperparameters,
    model_spec,
    training,
    trial_spec,
)
from tuner.engine.orders import TrialSpec
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from workers.training.objective import batch_loss
from workers.training.trainer import (
    Segment,
    mean_loss_of_second_half,
    progress,
    take_step,
    train_to,
    validation_loss,
)
from workers.training.trial import RunningTrial, new_trial

EVERY_OPTIMIZER = ["adam", "adamw", "sgd"]
EVERY_FAMILY: list[Gpt | Mlp] = [TINY_GPT, TINY_MLP]
LONG = training(steps=60, batch_size=16)


def trained(spec: TrialSpec) -> tuple[RunningTrial, Segment]:
    trial = new_trial(spec)
    return trial, train_to(trial, spec.training.steps)


def by_hand(spec: TrialSpec) -> list[float]:
    """Losses of the trial by a loop without groups of ours, fused kernels or our clipping."""
    trial = new_trial(spec)  # for the initial tensors and the peak rates alone
    parameters = trial.parameters
    rates = [
        (group["lr"], group["weight_decay"], group.get("eps"))
        for group in trial.optimizer.param_groups
        for _ in group["params"]
    ]
    groups = [
        {"params": [parameter], "lr": rate, "weight_decay": decay}
        | ({} if epsilon is None else {"eps": epsilon})
        for parameter, (rate, decay, epsilon) in zip(parameters, rates, strict=True)
    ]
    values = spec.hyperparameters
    optimizer: torch.optim.Optimizer
    if spec.optimizer == "sgd":
        optimizer = torch.optim.SGD(groups, momentum=values["momentum"], foreach=False)
    else:
        kind = torch.optim.AdamW if spec.optimizer == "adamw" else torch.optim.Adam
        optimizer = kind(groups, betas=(values["beta1"], values["beta2"]), foreach=False)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: LONG.schedule.factor(min(step, LONG.steps - 1), LONG.steps)
    )
    losses = []
    for step in range(spec.training.steps):
        inputs, targets = trial.data.batch(spec.seed, step, spec.training.batch_size)
        logits = trial.model(inputs)
        loss = functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch ships it without annotations
        if spec.training.gradient_clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, spec.training.gradient_clip_norm)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
@pytest.mark.parametrize(
    ("family", "precision"),
    # The digits are loaded once per process, in its precision.
    [(TINY_GPT, torch.float64), (TINY_GPT, torch.float32), (TINY_MLP, torch.float32)],
)
def test_a_trial_equals_the_loop_written_by_hand(
    family: Gpt | Mlp,
    optimizer: str,
    precision: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fused and plain kernels round differently: 3e-16 of the loss in fp64, 3e-7 in fp32."""
    spec = trial_spec(
        model=model_spec(family, width=32),
        optimizer=optimizer,
        train=training(steps=60, batch_size=16, gradient_clip_norm=0.5),
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(precision)
    try:
        expected = by_hand(spec)
        trial, _ = trained(spec)
    finally:
        torch.set_default_dtype(before)
    tolerance = 1e-12 if precision is torch.float64 else 1e-5
    assert trial.train_losses == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
@pytest.mark.parametrize("family", EVERY_FAMILY)
def test_the_loss_goes_down(family: Gpt | Mlp, optimizer: str) -> None:
    trial, segment = trained(trial_spec(model=model_spec(family), optimizer=optimizer, train=LONG))
    first, last = trial.train_losses[:10], trial.train_losses[-10:]
    assert sum(last) / 10 < 0.9 * sum(first) / 10
    assert segment.validation_loss is not None
    assert segment.validation_loss < trial.train_losses[0]


def test_the_same_trial_twice_is_equal_bit_for_bit() -> None:
    (one, first), (other, second) = trained(trial_spec()), trained(trial_spec())
    assert first == second
    for a, b in zip(one.parameters, other.parameters, strict=True):
        assert torch.equal(a, b)


def test_another_seed_trains_on_other_data_from_other_tensors() -> None:
    one, other = new_trial(trial_spec(seed=0)), new_trial(trial_spec(seed=1))
    assert not torch.equal(one.parameters[0], other.parameters[0])
    assert not torch.equal(one.data.batch(0, 0, 4).inputs, other.data.batch(1, 0, 4).inputs)


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
def test_the_fused_kernels_are_the_ones_that_run(optimizer: str) -> None:
    trial = new_trial(trial_spec(optimizer=optimizer))
    assert all(group["fused"] for group in trial.optimizer.param_groups)


def test_gradients_reach_the_fused_kernels_contiguous() -> None:
    """With other strides the kernels silently compute something else (3-4 % off in loss)."""
    for family in EVERY_FAMILY:
        trial = new_trial(trial_spec(model=model_spec(family)))
        take_step(trial)
        assert all(p.grad is not None and p.grad.is_contiguous() for p in trial.parameters)


@pytest.mark.parametrize("shape", list(SHAPES))
def test_the_schedule_multiplies_every_groups_own_rate(shape: str) -> None:
    train = training(steps=20, schedule=Schedule(shape=shape, final_fraction=0.1))
    trial = new_trial(trial_spec(model=model_spec(width=64), train=train))
    assert len(set(trial.peak_rates)) > 1  # muP: otherwise this test sees nothing
    for step in range(20):
        update = take_step(trial)
        trial.train_losses.append(update.train_loss)
        factor = train.schedule.factor(step, train.steps)
        rates = [group["lr"] for group in trial.optimizer.param_groups]
        assert rates == pytest.approx([peak * factor for peak in trial.peak_rates])
        assert update.learning_rate == pytest.approx(2.0**-6 * factor)


def test_clipping_is_torchs_clipping_and_reports_the_share_taken() -> None:
    limit = 0.05
    trial = new_trial(trial_spec(train=training(gradient_clip_norm=limit)))
    reference = new_trial(trial_spec())
    batch_loss(reference.model, reference.data.batch(0, 0, 4)).backward()  # type: ignore[no-untyped-call]  # torch
    norm = torch.nn.utils.clip_grad_norm_(reference.parameters, limit)
    update = take_step(trial)
    for ours, torchs in zip(trial.parameters, reference.parameters, strict=True):
        torch.testing.assert_close(ours.grad, torchs.grad, rtol=1e-6, atol=0)
    assert update.gradient_norm == pytest.approx(norm.item())
    assert update.clip_fraction == pytest.approx(1 - limit / norm.item())
    assert 0 < update.clip_fraction < 1


def test_norms_are_those_of_all_tensors_together() -> None:
    trial = new_trial(trial_spec())
    update = take_step(trial)
    parameters = torch.cat([p.detach().flatten() for p in trial.parameters])
    gradients = torch.cat([p.grad.flatten() for p in trial.parameters if p.grad is not None])
    assert update.parameter_norm == pytest.approx(parameters.norm().item(), rel=1e-5)
    assert update.gradient_norm == pytest.approx(gradients.norm().item(), rel=1e-5)


def test_validation_loss_is_the_mean_over_all_held_out_predictions() -> None:
    trial = new_trial(trial_spec(model=model_spec(TINY_MLP)))
    (batch,) = trial.data.validation()
    assert validation_loss(trial) == pytest.approx(batch_loss(trial.model, batch).item())
    text = new_trial(trial_spec())
    sizes = {batch.targets.numel() for batch in text.data.validation()}
    losses = [batch_loss(text.model, batch).item() for batch in text.data.validation()]
    assert len(sizes) == 1
    assert len(losses) > 1
    assert validation_loss(text) == pytest.approx(sum(losses) / len(losses))


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
@pytest.mark.parametrize("family", EVERY_FAMILY)
def test_an_absurd_rate_ends_as_diverged_with_finite_curves(
    family: Gpt | Mlp, optimizer: str
) -> None:
    trial, segment = trained(
        trial_spec(
            model=model_spec(family),
            optimizer=optimizer,
            values=hyperparameters(optimizer, learning_rate=1e10),
        )
    )
    report = progress(trial, segment, checkpoint=None)
    assert report.diverged
    assert report.loss is None
    assert report.validation_loss is None
    assert 2 <= report.step < 12
    assert report.curves
    for series in report.curves:
        assert all(map(math.isfinite, series.values))
        assert series.steps == tuple(range(1, report.step))


def test_progress_holds_one_value_per_step_and_metric() -> None:
    trial = new_trial(trial_spec(train=training(steps=8, gradient_clip_norm=1.0)))
    first = progress(trial, train_to(trial, 3), checkpoint=None)
    second = progress(trial, train_to(trial, 8), checkpoint=None)
    for report, steps in ((first, (1, 2, 3)), (second, (4, 5, 6, 7, 8))):
        by_metric = {series.metric: series for series in report.curves}
        assert by_metric.pop("validation_loss").steps == steps[-1:]
        assert {series.steps for series in by_metric.values()} == {steps}
        assert set(by_metric) == {
            "train_loss",
            "gradient_norm",
            "parameter_norm",
            "clip_fraction",
            "learning_rate",
        }
    assert first.step == 3
    assert second.loss == pytest.approx(sum(trial.train_losses[4:]) / 4)


def test_without_clipping_there_is_no_clip_fraction() -> None:
    trial, segment = trained(trial_spec())
    metrics = {series.metric for series in progress(trial, segment, checkpoint=None).curves}
    assert "clip_fraction" not in metrics


def test_the_second_half_of_an_odd_number_of_steps_holds_the_middle_one() -> None:
    assert mean_loss_of_second_half([9.0, 4.0, 2.0]) == 3.0
    assert mean_loss_of_second_half([9.0]) == 9.0


def test_at_the_base_width_mup_is_the_standard_parametrization() -> None:
    _, mup = trained(trial_spec(model=model_spec(parametrization=Parametrization.MUP)))
    _, standard = trained(trial_spec(model=model_spec(parametrization=Parametrization.SP)))
    assert mup.updates == standard.updates


def test_mup_shrinks_the_initial_logits_of_a_wide_model_and_sp_does_not() -> None:
    def initial_logits(parametrization: Parametrization, width: int) -> float:
        model = model_spec(width=width, parametrization=parametrization)
        trial = new_trial(trial_spec(model=model))
        with torch.no_grad():
            logits = trial.model(trial.data.batch(0, 0, 16).inputs)
        return float(logits.std())

    ratios = {
        parametrization: initial_logits(parametrization, 16) / initial_logits(parametrization, 256)
        for parametrization in Parametrization
    }
    assert ratios[Parametrization.MUP] == pytest.approx(math.sqrt(16), rel=0.2)
    assert ratios[Parametrization.SP] == pytest.approx(1, rel=0.2)


def test_a_trial_is_compared_over_the_share_of_training_that_it_names() -> None:
    at_the_end = training(steps=8).model_copy(update={"compared_over": 0.25})
    trial, segment = trained(trial_spec(train=at_the_end))
    report = progress(trial, segment, checkpoint=None)
    assert report.loss == pytest.approx(sum(trial.train_losses[6:]) / 2)
