"""The GAN: both players' gradients in one, its latents, its roles, and that it learns."""

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import CheckpointError
from torch.utils.flop_counter import FlopCounterMode

from parametrization.nn.models.gan import GanModel
from parametrization.rules.parametrization import Parametrization
from parametrization.shapes.roles import Role
from tests.workers.cohort.cohorts import alone, distance, precision
from tests.workers.models.test_vision_checks import Case, checked
from tests.workers.specs import TINY_GAN, hyperparameters, model_spec, training, trial_spec
from tuner.spec.families.gan import Gan
from tuner.spec.study import StudySpec
from workers.datasets.data import Batch
from workers.datasets.digits import load_digits_data
from workers.datasets.imitated_digits import ImitatedDigitsData
from workers.datasets.load import load_data
from workers.models.adversarial import adversarial_loss
from workers.models.build import build_model
from workers.models.frechet import frechet_distance
from workers.training.model_shapes import model_shape
from workers.training.trainer import progress, train_to, validation_loss
from workers.training.trial import RunningTrial, new_trial

STEPS = 20


def gan(width: int = 16) -> GanModel:
    """Initialised by its parametrization."""
    model = new_trial(trial_spec(model=model_spec(TINY_GAN, width=width))).model
    assert isinstance(model, GanModel)
    return model


def data(latents: int = 4) -> ImitatedDigitsData:
    return ImitatedDigitsData(load_digits_data(), latents)


def trained(steps: int, learning_rate: float) -> RunningTrial:
    """A pair of default options."""
    spec = trial_spec(
        model=model_spec(Gan(name="gan"), width=64, base_width=32),
        values=hyperparameters(
            "adamw", learning_rate=learning_rate, beta1=0.0, beta2=0.99, weight_decay=0.0
        ),
        train=training(steps=steps, batch_size=64),
    )
    return alone(spec, steps)


def study(**fields: Any) -> StudySpec:  # noqa: ANN401 - parts of a specification
    return StudySpec.model_validate({"family": {"name": "gan"}, "target": {"width": 64}} | fields)


def test_one_gradient_is_that_of_two_players_who_each_hold_the_other_still() -> None:
    """Two separate backward passes, by the textbook's losses, in fp64."""
    with precision(torch.float64):
        model, (inputs, digits) = gan(), data().batch(0, 0, 8)
        latents, directions = inputs[:, :4], inputs[:, 4:]
        adversarial_loss(model, data().batch(0, 0, 8)).backward()  # type: ignore[no-untyped-call]  # torch
        together = {name: tensor.grad for name, tensor in model.named_parameters()}

        generator, discriminator = model.generator, model.discriminator
        real = torch.ones(8, 1)

        def judged(pixels: Tensor, as_if: Tensor) -> Tensor:
            logits = discriminator(pixels)
            return functional.binary_cross_entropy_with_logits(logits, as_if)

        own = judged(digits, real) + judged(generator(latents).detach(), 0 * real)
        slopes = (discriminator(digits + 0.1 * directions) - discriminator(digits)) / 0.1
        own = own + slopes.square().mean() / 2
        by_discriminator = torch.autograd.grad(own, list(discriminator.parameters()))
        others = judged(generator(latents), real)
        by_generator = torch.autograd.grad(others, list(generator.parameters()))
    expected = [*by_generator, *by_discriminator]
    assert len(together) == len(expected)
    for (name, found), right in zip(together.items(), expected, strict=True):
        assert found is not None, name
        torch.testing.assert_close(found, right, rtol=1e-12, atol=1e-15)
        assert found.any(), name


def test_the_loss_is_that_of_both_players() -> None:
    """Who cannot tell at all has lost 2 ln 2, and the one who is not caught ln 2; no slopes."""
    model = gan()
    torch.nn.init.zeros_(model.discriminator.readout.weight)
    loss = adversarial_loss(model, data().batch(0, 0, 8))
    assert loss.item() == pytest.approx(3 * math.log(2))


def test_the_penalty_is_the_mean_square_of_the_discriminators_gradient() -> None:
    """As a second derivative would have it, of which random directions see a part each."""
    with precision(torch.float64):
        model = gan(width=8)
        inputs, digits = data().batch(0, 0, 1)
        count = 20_000
        generator = torch.Generator().manual_seed(0)
        directions = torch.randn(count, 64, generator=generator)
        repeated = Batch(
            torch.cat((inputs[:, :4].expand(count, -1), directions), dim=1),
            digits.expand(count, -1),
        )
        found = adversarial_loss(model, repeated)
        model.gradient_penalty = 0.0
        found = found - adversarial_loss(model, repeated)
        (slope,) = torch.autograd.grad(model.discriminator(leaf := digits.requires_grad_()), leaf)
    assert found.item() == pytest.approx(slope.square().sum().item() / 2, rel=0.05)


def test_latents_are_normal_new_in_every_step_and_can_be_asked_for_again() -> None:
    inputs = data().batch(0, 0, 4096).inputs
    assert inputs.shape == (4096, 4 + 64)
    latents = inputs[:, :4]
    assert latents.mean(0).abs().max() < 0.06
    assert (latents.T.cov() - torch.eye(4)).abs().max() < 0.1
    one, again, later = data().batch(3, 5, 8), data().batch(3, 5, 8), data().batch(3, 6, 8)
    assert torch.equal(one.inputs, again.inputs)
    assert torch.equal(one.targets, again.targets)
    assert torch.equal(one.targets, load_digits_data().batch(3, 5, 8).inputs)
    assert not torch.equal(one.inputs, later.inputs)
    assert data(4).sha256 != data(5).sha256


def test_validation_is_fixed_and_of_digits_that_nobody_trained_on() -> None:
    (one,), (again,) = data().validation(), data().validation()
    assert torch.equal(one.inputs, again.inputs)
    (held_out,) = load_digits_data().validation()
    assert torch.equal(one.targets, held_out.inputs)
    assert len(one.inputs) == 4 * len(one.targets)


def test_roles_of_both_players() -> None:
    tensors = model_shape(model_spec(TINY_GAN)).tensors
    player = {
        "layers.0.linear.weight": Role.INPUT,
        "layers.0.linear.bias": Role.VECTOR,
        "layers.1.linear.weight": Role.HIDDEN,
        "layers.1.linear.bias": Role.VECTOR,
        "readout.weight": Role.OUTPUT,
        "readout.bias": Role.SCALAR,
    }
    assert {tensor.name: tensor.role for tensor in tensors} == {
        f"{name}.{tensor}": role
        for name in ("generator", "discriminator")
        for tensor, role in player.items()
    }


def test_a_pair_learns_to_draw_digits() -> None:
    """Far nearer to held-out digits than one that draws their mean, though not as near as others.

    The mean's distance is the digits' variance, all of it; other digits' is that of two samples.
    """
    (held_out,) = load_digits_data().validation()
    mean = held_out.inputs.mean(0, keepdim=True).expand(100, -1)
    others = load_digits_data().batch(0, 0, 4 * len(held_out.inputs)).inputs
    never = frechet_distance(mean, held_out.inputs).item()
    as_well = frechet_distance(others, held_out.inputs).item()
    found = validation_loss(trained(200, 2.0**-6))
    assert found is not None
    assert as_well < found < 0.5 * never


def test_trials_are_compared_by_the_distance_of_what_they_draw() -> None:
    trial = new_trial(trial_spec(model=model_spec(TINY_GAN)))
    segment = train_to(trial, 6)
    reported = progress(trial, segment, checkpoint=None)
    assert reported.loss == reported.validation_loss == segment.validation_loss
    (held_out,) = load_digits_data().validation()
    ((inputs, _),) = load_data(trial.spec.model).validation()
    with torch.no_grad():
        drawn = trial.model(inputs)
    assert reported.loss == frechet_distance(drawn, held_out.inputs).item()


def test_a_pair_that_draws_what_is_no_number_has_diverged() -> None:
    trial = new_trial(trial_spec(model=model_spec(TINY_GAN)))
    with torch.no_grad():
        trial.model.get_parameter("generator.readout.bias")[0] = torch.inf
    trial.train_losses.append(2.0)  # one update done
    segment = train_to(trial, 1)
    assert (segment.validation_loss, segment.diverged_at) == (None, 1)


def test_microbatches_and_half_precision_train_it_too() -> None:
    spec = trial_spec(model=model_spec(TINY_GAN), train=training(steps=8, batch_size=8))
    usual = alone(spec, 8)
    for options in ({"accumulation": 4}, {"precision": "bf16"}):
        changed = spec.training.model_copy(update=options)
        trial = alone(spec.model_copy(update={"training": changed}), 8)
        assert distance(trial, usual) < 0.1


CASE: Case = (Gan(name="gan", depth=2, latents=8), (64, 128, 256), 32)


def test_mup_passes_and_watches_both_players() -> None:
    verdict = checked(CASE, Parametrization.MUP)
    assert verdict.passed is True, verdict.summary
    watched = {tensor.tensor.partition(".")[0] for tensor in verdict.tensors}
    assert watched == {"generator", "discriminator", "model output"}


def test_the_standard_rule_fails_in_the_hidden_maps_of_both_players() -> None:
    verdict = checked(CASE, Parametrization.SP)
    failed = {tensor.tensor for tensor in verdict.tensors if tensor.passed is False}
    assert verdict.passed is False
    assert {
        f"{player}.layers.1.linear.weight" for player in ("generator", "discriminator")
    } <= failed


def test_steps_as_long_as_their_gradient_fade_in_the_generator_and_are_refused() -> None:
    """In fp64, where nothing is lost to rounding. Should this fail, the refusal can go."""
    with precision(torch.float64):
        verdict = checked(CASE, Parametrization.MUP, "sgd")
    slopes = {tensor.tensor: tensor.update_slope for tensor in verdict.tensors}
    assert verdict.passed is not True
    for name in ("generator.layers.0.linear.weight", "generator.layers.1.linear.weight"):
        slope = slopes[name]
        assert slope is not None
        assert slope < -0.3
    with pytest.raises(ValidationError, match="sgd cannot train a gan: the gradient that reaches"):
        study(optimizers=[{"name": "sgd"}])


def test_cost_counts_as_many_operations_as_torch_does() -> None:
    """6 a parameter and position, forward and backward: a step of both players."""
    family, width, batch = Gan(name="gan", depth=4, latents=4), 1024, 2
    model = build_model(model_spec(family, width=width, base_width=width), device="meta")
    spec_batch = load_data(model_spec(family)).batch(0, 0, batch)
    with FlopCounterMode(display=False) as counted:
        loss = adversarial_loss(model, spec_batch.on(torch.device("meta")))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    parameters = sum(tensor.numel() for tensor in model.parameters())
    expected = 6 * parameters * family.positions_per_example(model_spec(family).dataset) * batch
    assert expected == pytest.approx(counted.get_total_flops(), rel=0.05)


def test_recomputing_blocks_fails_and_is_refused() -> None:
    """Should this fail, the refusal can go."""
    train = training(steps=8, batch_size=8).model_copy(update={"activation_checkpointing": True})
    with pytest.raises(CheckpointError):
        train_to(new_trial(trial_spec(model=model_spec(TINY_GAN), train=train)), 1)
    with pytest.raises(ValidationError, match=r"checkpointing cannot train a gan: .* leave it out"):
        study(training={"activation_checkpointing": True})


def test_what_cannot_tell_two_losses_apart_is_refused() -> None:
    with pytest.raises(ValidationError, match="ekfac cannot train a gan: its"):
        study(optimizers=[{"name": "ekfac"}])
