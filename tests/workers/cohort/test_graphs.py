"""Steps on fixed addresses: what a GPU replays, here with recordings that any device can make."""

import logging

import pytest
import torch
from torch import Tensor

from tests.workers.cohort.cohorts import PROGRAMS, alone, distance, precision, varied
from tests.workers.specs import TINY_GPT
from tuner.engine.orders import TrialSpec
from workers.cohort.cohort import Cohort
from workers.cohort.graphs import WARM_UP_STEPS, Recording, StaticStep, Work
from workers.device.gpu_memory import limit_gpu_memory, peak_bytes, start_measuring, usable_bytes
from workers.device.out_of_memory import is_out_of_memory
from workers.training.trial import new_trial

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def summing(total: Tensor, record: object = None) -> StaticStep:
    """Adds its arguments' product to `total`, and returns a view that the next step overwrites."""

    def step(x: Tensor, factor: Tensor) -> Tensor:
        total.add_(x * factor)
        return total

    def as_it_is(work: Work) -> Work:
        return work

    return StaticStep(step, record or as_it_is, lambda work: work())  # type: ignore[arg-type]


def test_every_call_takes_one_step_on_its_own_arguments() -> None:
    total = torch.zeros(2)
    step = summing(total)
    results = [step(torch.tensor([1.0, n]), torch.tensor(2.0)) for n in range(WARM_UP_STEPS + 3)]
    expected = [[2.0 * (n + 1), n * (n + 1.0)] for n in range(WARM_UP_STEPS + 3)]
    assert [result.tolist() for result in results] == expected


def test_a_recording_reads_and_writes_the_same_memory_every_time() -> None:
    recorded: list[Work] = []

    def record(work: Work) -> Work:
        recorded.append(work)
        return work

    seen: set[tuple[int, ...]] = set()
    total = torch.zeros(2)

    def step(*arguments: Tensor) -> Tensor:
        seen.add(tuple(argument.data_ptr() for argument in arguments))
        return total.add_(arguments[0])

    static = StaticStep(step, record, lambda work: work())
    for number in range(WARM_UP_STEPS + 2):
        static(torch.full((2,), float(number)))
    assert len(recorded) == len(seen) == 1


def test_what_cannot_be_recorded_goes_on_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(_: Work) -> Work:
        raise RuntimeError("operation not permitted when stream is capturing")

    step = summing(torch.zeros(1), refuse)
    with caplog.at_level(logging.WARNING):
        results = [step(torch.ones(1), torch.tensor(1.0)) for _ in range(WARM_UP_STEPS + 3)]
    assert [result.item() for result in results] == list(range(1, WARM_UP_STEPS + 4))
    assert caplog.text.count("operation not permitted") == 1


def test_a_recording_out_of_memory_is_for_the_caller_to_make_smaller() -> None:
    def too_large(_: Work) -> Work:
        raise RuntimeError("CUDA out of memory")

    step = summing(torch.zeros(1), too_large)
    for _ in range(WARM_UP_STEPS):
        step(torch.ones(1), torch.tensor(1.0))
    with pytest.raises(RuntimeError, match="out of memory"):
        step(torch.ones(1), torch.tensor(1.0))


def assert_bfloat16_is_close(specs: list[TrialSpec], device: str, steps: int) -> None:
    """Products in bfloat16: as the trial alone has them, near single precision, and not equal."""
    mixed = [
        spec.model_copy(update={"training": spec.training.model_copy(update={"precision": "bf16"})})
        for spec in specs
    ]
    cohorts = [
        Cohort([new_trial(spec, device) for spec in kind], PROGRAMS) for kind in (specs, mixed)
    ]
    for cohort in cohorts:
        cohort.advance(steps)
    for one, other in zip(*(cohort.trials for cohort in cohorts), strict=True):
        assert one.train_losses != other.train_losses
        assert one.train_losses == pytest.approx(other.train_losses, rel=2e-2)
        alone_too = alone(other.spec, steps, device).train_losses
        assert other.train_losses == pytest.approx(alone_too, rel=2e-2)
        assert all(tensor.dtype is torch.float32 for tensor in other.model.parameters())


def test_a_cohort_in_bfloat16_stays_close() -> None:
    assert_bfloat16_is_close(varied(2), "cpu", 10)


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_replayed_steps_equal_those_of_the_trials_alone(optimizer: str) -> None:
    with precision(torch.float64):
        specs = varied(4, TINY_GPT, optimizer)
        cohort = Cohort([new_trial(spec, "cuda") for spec in specs], PROGRAMS)
        cohort.advance(10 * WARM_UP_STEPS)
        (graphed,) = cohort._step_of_all._graphs.values()
        assert graphed.whole
        assert isinstance(graphed.step._replay, Recording)
        for spec, trial in zip(specs, cohort.trials, strict=True):
            assert distance(trial, alone(spec, 10 * WARM_UP_STEPS, "cuda")) < 1e-9


@pytest.mark.gpu
@on_a_gpu
def test_a_cohort_in_bfloat16_stays_close_on_a_gpu() -> None:
    assert_bfloat16_is_close(varied(4), "cuda", 20)


@pytest.mark.gpu
@on_a_gpu
def test_a_slot_of_a_gpu_takes_no_more_memory_than_its_share() -> None:
    device = torch.device("cuda:0")
    whole = usable_bytes(device)
    limit_gpu_memory("cuda:0", 0.1)
    try:
        assert usable_bytes(device) == pytest.approx(0.1 * whole, rel=0.01)
        with pytest.raises(RuntimeError) as raised:
            torch.empty(int(0.2 * whole), dtype=torch.uint8, device=device)
        assert is_out_of_memory(raised.value)
    finally:
        limit_gpu_memory("cuda:0", 1.0)


@pytest.mark.gpu
@on_a_gpu
def test_the_peak_is_of_what_was_allocated_since_measuring_started() -> None:
    device = torch.device("cuda:0")
    torch.empty(2**26, dtype=torch.uint8, device=device)  # gone at once
    start_measuring(device)
    before = peak_bytes(device)
    torch.empty(2**24, dtype=torch.uint8, device=device)
    assert 2**24 <= peak_bytes(device) - before < 2**25
