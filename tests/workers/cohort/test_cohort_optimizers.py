"""Cohorts of every optimizer beyond torch's own: exact, isolated, resumable."""

from collections.abc import Iterator
from functools import cache

import pytest
import torch

from parametrization.optimizers.registry import STUDIED
from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.companions import flat_defaults
from tests.workers.cohort.cohorts import alone, distance, identical, precision, together
from tests.workers.specs import model_spec, training, trial_spec
from tuner.engine.orders import TrialSpec
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from workers.cohort import programs
from workers.cohort.cohort import Cohort
from workers.cohort.stack import stack_trials
from workers.cohort.tensor_updates import trains_in_cohorts
from workers.training.trainer import train_to
from workers.training.trial import new_trial, restored_trial

STEPS = 20
NARROW_MLP = Mlp(name="mlp", depth=3, activation="tanh")  # two hidden matrices of one shape
NARROW_GPT = Gpt(name="gpt", depth=2, head_size=8, context=8)
DECOMPOSING = ["shampoo_quarter", "shampoo_half", "soap"]
"""Full-rank gradients from the first step on: a readout that starts at zero sends back none."""
PLAIN = [
    "lion",
    "sign_descent",
    "layer_normalised_sgd",
    "lars",
    "lamb",
    "adafactor",
    "muon_spectral",
    "scion_spectral",
    "modular_matrix",
    "muonh",
]
"""One of each sort: elementwise, coupled over tensors, one norm a tensor, factored, orthogonal."""


@pytest.fixture(autouse=True)
def _in_double_precision() -> Iterator[None]:
    with precision(torch.float64):
        yield


def varied(optimizer: str, family: Gpt | Mlp = NARROW_MLP) -> list[TrialSpec]:
    """Three trials that differ in rate, decay and clipping."""
    low, high = STUDIED[optimizer].log2_rates
    numbers = {"init_std": 1.0, "output_multiplier": 1.0, **flat_defaults(optimizer)}
    decays = [name for name in numbers if name.endswith("weight_decay")]
    return [
        trial_spec(
            number=number,
            model=model_spec(family, width=8, base_width=8, parametrization=Parametrization.SP),
            optimizer=optimizer,
            values=numbers
            | dict.fromkeys(decays, 0.1 * number)
            | {"learning_rate": 2.0 ** (low + (high - low) * (number + 1) / 4)},
            train=training(
                steps=STEPS, batch_size=64, gradient_clip_norm=0.5 if number == 1 else None
            ),
        )
        for number in range(3)
    ]


@cache
def trained(optimizer: str, family: Gpt | Mlp = NARROW_MLP) -> Cohort:
    """The varied trials after all their steps."""
    return together([new_trial(spec) for spec in varied(optimizer, family)], STEPS)


def largest_distance(cohort: Cohort) -> float:
    """Of its trials from the same trials alone."""
    return max(distance(trial, alone(trial.spec, STEPS)) for trial in cohort.trials)


@pytest.mark.parametrize("optimizer", [*PLAIN, *DECOMPOSING])
def test_a_trial_of_a_cohort_equals_the_trial_alone(optimizer: str) -> None:
    """Measured: 5e-16, and 1e-13 where roots of almost singular factors magnify roundings."""
    assert largest_distance(trained(optimizer)) < 1e-12


@pytest.mark.parametrize("optimizer", ["muon_spectral", "modular_matrix"])
def test_matrix_optimizers_on_a_transformer_are_as_exact(optimizer: str) -> None:
    """Embeddings have their fan-out last, and matrices of one shape are stepped as one."""
    assert largest_distance(trained(optimizer, NARROW_GPT)) < 1e-12


@pytest.mark.parametrize("optimizer", [*PLAIN, *DECOMPOSING])
def test_a_diverging_trial_leaves_the_others_untouched(optimizer: str) -> None:
    specs = varied(optimizer)
    hot = specs[1].model_copy(
        update={"hyperparameters": specs[1].hyperparameters | {"learning_rate": 1e30}}
    )
    mixed = together([new_trial(spec) for spec in (specs[0], hot, specs[2])], STEPS)
    assert mixed.advances[1].diverged_at is not None
    for number in (0, 2):
        assert identical(mixed.trials[number], trained(optimizer).trials[number])


@pytest.mark.parametrize("optimizer", ["muon_spectral", "soap"])
def test_a_cohort_resumed_from_states_ends_as_if_never_stopped(optimizer: str) -> None:
    specs = varied(optimizer)
    head = together([new_trial(spec) for spec in specs], 8)
    stored = [trial.state() for trial in head.trials]
    tail = together(
        [restored_trial(spec, state) for spec, state in zip(specs, stored, strict=True)], STEPS - 8
    )
    for resumed, uninterrupted in zip(tail.trials, trained(optimizer).trials, strict=True):
        assert identical(resumed, uninterrupted)


def test_a_survivor_goes_on_alone_from_its_slice() -> None:
    specs = varied("muon_spectral")
    for trial in together([new_trial(spec) for spec in specs], 8).trials:
        train_to(trial, STEPS)
        assert distance(trial, alone(trial.spec, STEPS)) < 1e-12


def test_matrices_of_one_shape_are_stepped_as_one_stack() -> None:
    trials = [new_trial(spec) for spec in varied("muon_spectral", NARROW_GPT)]
    tensors = stack_trials(trials)
    muons = [group for group in tensors.groups if group.kind.optimizer.name == "muon_spectral"]
    assert {len(group.names) for group in muons} == {NARROW_GPT.depth}
    stepped = sorted(name for group in tensors.groups for name in group.names)
    assert stepped == sorted(tensors.stacked.parameters)
    for group in muons:
        for number, name in enumerate(group.names):
            stacked = tensors.stacked.parameters[name]
            assert stacked.data_ptr() == group.parameters[number].data_ptr()
            for own, trial in zip(stacked, trials, strict=True):
                assert own.data_ptr() == trial.model.get_parameter(name).data_ptr()


def test_the_updates_of_a_shape_are_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = varied("lion")
    together([new_trial(spec) for spec in specs], 1)
    monkeypatch.setattr(programs, "make_fx", lambda _: pytest.fail("it was traced again"))
    together([new_trial(spec) for spec in specs], 1)


def test_all_but_what_reads_layers_signals_trains_in_cohorts() -> None:
    alone = {name for name in STUDIED if not trains_in_cohorts(name)}
    assert alone <= {"kfac", "ekfac"}
    assert not trains_in_cohorts("kfac")
