"""Every optimizer that a study can name, trained by the workers themselves."""

from pathlib import Path

import pytest
import torch

from parametrization.check.usual_settings import check_hyperparameters
from parametrization.nn.check.run import check_width
from parametrization.nn.check.statistics import CheckedTraining
from parametrization.nn.param_groups import IN_TORCH
from parametrization.nn.updates.adapted.layouts import for_layout
from parametrization.nn.updates.registry import named
from parametrization.nn.updates.update import (
    CoupledOptimizer,
    CurvatureOptimizer,
    State,
)
from parametrization.optimizers.registry import STUDIED
from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.companions import flat_defaults
from tests.workers.specs import TINY_GPT, TINY_MLP, model_spec, train_order, training, trial_spec
from tuner.engine.checkpoints import FileCheckpoints
from tuner.engine.orders import ProbeOrder, TrialSpec
from tuner.engine.packing import SOLO, Packing
from tuner.engine.reports import Done
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.study import StudySpec
from workers.cohort.programs import Programs
from workers.datasets.load import load_data
from workers.device.device_name import device_name
from workers.models.build import build_model
from workers.packing.train_together import train_packed
from workers.slot.orders import OpenCohort, carry_out
from workers.training.checkpoint import checkpoint_name, load, save
from workers.training.model_shapes import model_scalings, model_shape
from workers.training.objective import batch_loss
from workers.training.trainer import train_to
from workers.training.trial import new_trial, restored_trial

ELSEWHERE = [name for name in STUDIED if name not in IN_TORCH]
FROM_GRADIENTS = [n for n in ELSEWHERE if not isinstance(named(n), CurvatureOptimizer)]
"""What a plain loop can train; test_curvature.py has the others."""
STEPS = 24


def spec_of(name: str, family: Gpt | Mlp = TINY_MLP, number: int = 0) -> TrialSpec:
    """A trial at the middle of the rates that a study searches, twice as wide as its base."""
    low, high = STUDIED[name].log2_rates
    rate = {"learning_rate": 2.0 ** ((low + high) / 2)}
    return trial_spec(
        number=number,
        model=model_spec(family, width=32),
        optimizer=name,
        values={"init_std": 1.0, "output_multiplier": 1.0, **flat_defaults(name), **rate},
        train=training(steps=STEPS, batch_size=16),
    )


def by_hand(spec: TrialSpec) -> list[float]:
    """Losses of a plain loop over the update functions, each tensor with its own numbers."""
    trial = new_trial(spec)  # for the initial tensors and the data alone
    parameters = dict(trial.model.named_parameters())
    numbers = {
        scaling.name: (scaling.optimizer, scaling.hyper, scaling.layout)
        for scaling in model_scalings(spec.model, spec.optimizer, spec.hyperparameters)
    }
    states: dict[str, State] = {}
    losses = []
    for step in range(spec.training.steps):
        loss = batch_loss(trial.model, trial.batch(step))
        gradients = dict(
            zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True)
        )
        factor = spec.training.schedule.factor(step, spec.training.steps)
        hypers = {
            name: hyper | {"learning_rate": hyper["learning_rate"] * factor}
            for name, (_, hyper, _) in numbers.items()
        }
        with torch.no_grad():
            shares = [
                optimizer.contribution(gradients[name], hypers[name])
                for name, (own, *_) in numbers.items()
                if isinstance(optimizer := named(own), CoupledOptimizer)
            ]
            for name, parameter in parameters.items():
                optimizer, layout = named(numbers[name][0]), numbers[name][2]
                given = (parameter, gradients[name])
                if isinstance(optimizer, CoupledOptimizer):
                    state = states.get(name) or optimizer.init(parameter)
                    new, states[name] = optimizer.update(
                        *given, state, hypers[name], torch.stack(shares).sum()
                    )
                else:
                    assert not isinstance(optimizer, CurvatureOptimizer)
                    moved = for_layout(optimizer, layout)
                    state = states.get(name) or moved.init(parameter)
                    new, states[name] = moved.update(*given, state, hypers[name])
                parameter.copy_(new)
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("family", [TINY_MLP, TINY_GPT], ids=lambda family: family.name)
@pytest.mark.parametrize("name", FROM_GRADIENTS)
def test_a_trial_equals_a_plain_loop_over_the_update_functions(
    name: str, family: Gpt | Mlp
) -> None:
    spec = spec_of(name, family)
    trial = new_trial(spec)
    train_to(trial, STEPS)
    assert trial.train_losses == pytest.approx(by_hand(spec), rel=1e-4)


@pytest.mark.parametrize("name", STUDIED)
def test_the_loss_goes_down(name: str) -> None:
    trial = new_trial(spec_of(name))
    assert train_to(trial, STEPS).diverged_at is None
    assert sum(trial.train_losses[-6:]) < 0.97 * sum(trial.train_losses[:6])


@pytest.mark.parametrize("name", STUDIED)
def test_a_trial_restored_from_its_file_goes_on_bit_for_bit(name: str, tmp_path: Path) -> None:
    spec = spec_of(name)
    whole, part = new_trial(spec), new_trial(spec)
    train_to(whole, STEPS)
    train_to(part, 10)
    store = FileCheckpoints(tmp_path)
    stored = save(part.state(), store, checkpoint_name("std", 0, 10, 1), 10)
    restored = restored_trial(spec, load(stored, store))
    train_to(restored, STEPS)
    assert restored.train_losses == whole.train_losses
    for one, other in zip(whole.parameters, restored.parameters, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["muon_spectral", "scion_spectral", "modular_matrix"])
def test_the_schedule_reaches_every_group(name: str) -> None:
    trial = new_trial(spec_of(name))
    train_to(trial, STEPS)
    factor = trial.spec.training.schedule.factor(STEPS - 1, STEPS)
    rates = [group["lr"] for group in trial.optimizer.param_groups]
    assert rates == [peak * factor for peak in trial.peak_rates]
    assert len(set(trial.peak_rates)) > 1


def test_the_ratio_moves_the_companion_and_not_the_lead() -> None:
    spec = spec_of("muon_spectral")
    slower = spec.model_copy(
        update={"hyperparameters": spec.hyperparameters | {"learning_rate_ratio": 0.25}}
    )
    moved = {
        (one.optimizer, other.learning_rate / one.learning_rate)
        for one, other in zip(
            *(model_scalings(at.model, at.optimizer, at.hyperparameters) for at in (spec, slower)),
            strict=True,
        )
    }
    assert moved == {("muon_spectral", 1.0), ("adamw", 0.25)}


def trained_by(family: Gpt | Mlp) -> dict[str, str]:
    """Of every tensor, under the modular norm."""
    spec = spec_of("modular_matrix", family)
    scalings = model_scalings(spec.model, spec.optimizer, spec.hyperparameters)
    return {scaling.name: scaling.optimizer for scaling in scalings}


def test_the_modular_norm_measures_each_kind_of_tensor_by_what_it_does() -> None:
    """A first layer that multiplies its input is a matrix, one that is looked up a table."""
    assert trained_by(TINY_MLP) == {
        "layers.0.linear.weight": "modular_matrix",
        "layers.0.linear.bias": "modular_vector",
        "layers.1.linear.weight": "modular_matrix",
        "layers.1.linear.bias": "modular_vector",
        "readout.weight": "modular_matrix",
        "readout.bias": "modular_vector",
    }
    tables = {name for name, by in trained_by(TINY_GPT).items() if by.endswith("embedding")}
    assert tables == {"token.weight", "position.weight"}


@pytest.mark.parametrize(
    ("parametrization", "passed"), [(Parametrization.MUP, True), (Parametrization.SP, False)]
)
def test_the_modular_norm_passes_the_check_of_a_study_and_not_without_its_rules(
    parametrization: Parametrization, passed: bool
) -> None:
    name, base = "modular_matrix", 32
    (config,) = StudySpec.model_validate(
        {"family": TINY_GPT, "target": {"width": base}, "optimizers": [{"name": name}]}
    ).optimizers
    spec = model_spec(TINY_GPT, width=base, base_width=base, parametrization=parametrization)
    data, numbers = load_data(spec), check_hyperparameters(config.name, config.fixed)
    verdict = check_width(
        lambda width: CheckedTraining(
            lambda: build_model(spec, width=width),
            batch_loss,
            lambda seed, step: data.batch(seed, step, 8),
        ),
        lambda width: model_scalings(spec.model_copy(update={"width": width}), name, numbers),
        model_shape(spec),
        optimizer=name,
        widths=(32, 64, 128),
    )
    assert verdict.passed is passed, verdict.summary


def needing_signals(number: int = 0) -> TrialSpec:
    """Of an optimizer that reads what layers see, which no cohort records."""
    return spec_of("lion", number=number).model_copy(update={"optimizer": "kfac"})


def test_optimizers_without_a_cohort_are_probed_as_solo(tmp_path: Path) -> None:
    order = ProbeOrder(
        id=train_order().id, study_id="std", trial=needing_signals(), trials=1000, device_kind="cpu"
    )
    (report,) = carry_out(order, OpenCohort(), tmp_path)
    assert isinstance(report, Done)
    asked = {"device": "cpu", "device_name": device_name("cpu")}
    assert report.packing == SOLO.model_copy(update=asked)


def test_optimizers_without_a_cohort_train_one_by_one_whatever_the_packing() -> None:
    trials = [new_trial(spec_of("lion", number=number)) for number in range(3)]
    for number, trial in enumerate(trials):
        trial.spec = needing_signals(number)
    fused = Packing(way="fused", least=2, most=8, speedup=2.0, device="cpu")
    done = list(train_packed(trials, 4, fused, Programs()))
    assert [trial.step for trial, _ in done] == [4, 4, 4]
