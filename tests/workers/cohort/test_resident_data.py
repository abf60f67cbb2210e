"""Data that a device holds: batches gathered inside the recorded step, the same bit for bit."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.workers.cohort.cohorts import PROGRAMS, identical, varied
from tests.workers.cohort.recordings import Counting
from tests.workers.specs import TINY_GPT, TINY_MLP
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from workers.cohort import batches
from workers.cohort import step as cohort_step
from workers.cohort.batches import ResidentBatches, batches_of
from workers.cohort.cohort import BLOCK_STEPS, Cohort
from workers.cohort.graphs import WARM_UP_STEPS
from workers.cohort.step import CohortStep
from workers.datasets.data import Data
from workers.training.resident import Resident, batch_on, copied, resident_on, rows_of
from workers.training.trial import new_trial

STEPS = WARM_UP_STEPS + 4
FAMILIES: list[Gpt | Mlp] = [TINY_GPT, TINY_MLP]


def resident(data: Data, device: torch.device) -> Resident:
    """As on a GPU, on whatever device."""
    rows = rows_of(data)
    assert rows is not None
    return copied(rows, device)


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Cohorts record their steps, and gather their batches from what they hold."""
    counted = Counting()
    monkeypatch.setattr(cohort_step, "recorder_of", lambda _: counted.recorder)
    monkeypatch.setattr(batches, "resident_on", resident)
    return counted


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shared_seed", [True, False])
def test_a_recorded_step_gathers_the_batch_that_the_host_would_have_made(
    family: Gpt | Mlp, shared_seed: bool, monkeypatch: pytest.MonkeyPatch, as_on_a_gpu: Counting
) -> None:
    specs = varied(2, family, shared_seed=shared_seed)
    held = Cohort([new_trial(spec) for spec in specs], PROGRAMS)
    held.advance(STEPS)
    assert as_on_a_gpu.replays == [STEPS - WARM_UP_STEPS]
    monkeypatch.undo()
    made = Cohort([new_trial(spec) for spec in specs], PROGRAMS)
    made.advance(STEPS)
    assert all(identical(a, b) for a, b in zip(held.trials, made.trials, strict=True))


@pytest.mark.parametrize("shared_seed", [True, False])
def test_steps_are_taken_by_numbers_and_no_data_is_copied(
    shared_seed: bool, monkeypatch: pytest.MonkeyPatch, as_on_a_gpu: Counting
) -> None:
    given: list[Tensor] = []
    take = CohortStep.take

    def noting(self: CohortStep, batch: Tensor, factors: Tensor, *, shared_batch: bool) -> Tensor:
        given.append(batch)
        return take(self, batch, factors, shared_batch=shared_batch)

    monkeypatch.setattr(CohortStep, "take", noting)
    specs = varied(2, TINY_GPT, shared_seed=shared_seed)
    Cohort([new_trial(spec) for spec in specs], PROGRAMS).advance(STEPS)
    size = specs[0].training.batch_size
    assert {one.shape for one in given} == {(size,) if shared_seed else (2, size)}
    assert len({one.untyped_storage().data_ptr() for one in given}) == 1, "one copy for all steps"


class Copies(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Counts what is copied from the host to the device without memory, and its bytes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self.bytes: list[int] = []

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Count, and do it."""
        found = func(*args, **(kwargs or {}))
        from_host = isinstance(args[0], Tensor) and args[0].device.type == "cpu"
        if from_host and isinstance(found, Tensor) and found.device.type == "meta":
            self.bytes.append(found.nbytes)
        return found


@pytest.mark.parametrize("shared_seed", [True, False])
def test_a_gpu_is_sent_the_numbers_of_many_steps_at_once(shared_seed: bool) -> None:
    """Counted on the device without memory: two copies a trial and step before."""
    trials = [
        new_trial(one) for one in varied(3, TINY_GPT, steps=BLOCK_STEPS, shared_seed=shared_seed)
    ]
    size, gpu = trials[0].spec.training.batch_size, torch.device("meta")
    with Copies() as copies:
        held = ResidentBatches(trials, resident(trials[0].data, gpu))
        copies.bytes.clear()
        held.prepare([0] * 3, BLOCK_STEPS)
        for step in range(BLOCK_STEPS):
            drawn, shared = held.of_step([step] * 3)
            batch = held.gathered(drawn)
            assert shared == shared_seed
            assert {one.device for one in (*batch, drawn)} == {gpu}
    assert copies.bytes == [BLOCK_STEPS * 8 * size * (1 if shared_seed else 3)]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_trial_alone_gathers_the_same_batch(
    family: Gpt | Mlp, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = new_trial(varied(1, family)[0])
    expected = trial.batch(3)
    monkeypatch.setattr("workers.training.resident.resident_on", resident)
    found = batch_on(trial.data, trial.device, 0, 3, len(expected.targets))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_cpu_reads_the_hosts_memory_as_it_is() -> None:
    trials = [new_trial(spec) for spec in varied(2)]
    assert resident_on(trials[0].data, torch.device("cpu")) is None
    assert batches_of(trials).gathered is None


def test_data_too_large_for_its_share_of_a_gpu_stays_with_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = new_trial(varied(1)[0]).data
    rows = rows_of(data)
    assert rows is not None
    monkeypatch.setattr("workers.training.resident.usable_bytes", lambda _: 9 * rows.whole_bytes)
    assert resident_on(data, torch.device("cuda")) is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("shared_seed", [True, False])
def test_batches_gathered_on_a_gpu_are_the_hosts(shared_seed: bool) -> None:
    trials = [new_trial(one, "cuda") for one in varied(2, TINY_GPT, shared_seed=shared_seed)]
    held = batches_of(trials)
    assert isinstance(held, ResidentBatches)
    held.prepare([0, 0], 2)
    for step in range(2):
        drawn, shared = held.of_step([step, step])
        found = held.gathered(drawn)
        for number, trial in enumerate(trials):
            made = trial.data.batch(trial.spec.seed, step, trial.spec.training.batch_size)
            for one, other in zip(found, made, strict=True):
                assert torch.equal((one if shared else one[number]).cpu(), other)
