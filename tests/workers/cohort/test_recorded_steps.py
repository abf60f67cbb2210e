"""What of a cohort's step is recorded, never in vain, and all released in the end."""

import gc
import math
import weakref

import pytest
import torch

from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.companions import flat_defaults
from tests.workers.cohort.cohorts import alone, distance, precision
from tests.workers.cohort.recordings import Counting
from tests.workers.specs import model_spec, training, trial_spec
from tuner.engine.orders import TrialSpec
from tuner.engine.packing import Packing
from tuner.spec.families.mlp import Mlp
from workers.cohort import step as cohort_step
from workers.cohort.cohort import Cohort
from workers.cohort.graphs import WARM_UP_STEPS, Recorder, recorder_of
from workers.cohort.programs import Programs
from workers.cohort.waiting import waiting_operation
from workers.device.gpu_memory import give_back
from workers.packing.probe import measured_packing
from workers.packing.train_together import train_packed
from workers.training.trial import RunningTrial, new_trial

STEPS = WARM_UP_STEPS + 4
FACTORISING = ["shampoo_quarter", "soap"]
NARROW = Mlp(name="mlp", depth=3, activation="tanh")
"""With gradients of full rank from the first step on, so that factorisations are determined."""
on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def spec(optimizer: str, number: int = 0) -> TrialSpec:
    numbers = {"init_std": 1.0, "output_multiplier": 1.0, **flat_defaults(optimizer)}
    return trial_spec(
        number=number,
        model=model_spec(NARROW, width=8, base_width=8, parametrization=Parametrization.SP),
        optimizer=optimizer,
        values=numbers | {"learning_rate": 2.0 ** (-8 - number)},
        train=training(steps=50, batch_size=64, gradient_clip_norm=0.5),
    )


def trials(optimizer: str, device: str = "cpu") -> list[RunningTrial]:
    return [new_trial(spec(optimizer, number), device) for number in range(3)]


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Every cohort records, as if it were on a GPU."""
    counted = Counting()
    monkeypatch.setattr(cohort_step, "recorder_of", lambda _: counted.recorder)
    return counted


def assert_trains_as_alone(cohort: Cohort, steps: int) -> None:
    for trial in cohort.trials:
        assert distance(trial, alone(trial.spec, steps)) < 1e-9


@pytest.mark.parametrize("optimizer", ["adamw", "muon_spectral", "schedule_free_adamw"])
def test_a_step_is_recorded_whole_once_and_replayed_from_then_on(
    optimizer: str, counting: Counting
) -> None:
    with precision(torch.float64):
        cohort = Cohort(trials(optimizer), Programs())
        cohort.advance(STEPS)
        assert counting.replays == [STEPS - WARM_UP_STEPS]
        assert all(recorded.whole for recorded in cohort._step_of_all._graphs.values())
        assert_trains_as_alone(cohort, STEPS)


@pytest.mark.parametrize("optimizer", FACTORISING)
def test_a_step_that_waits_for_the_device_has_its_gradients_recorded_alone(
    optimizer: str, counting: Counting
) -> None:
    """A factorisation reads back whether it succeeded: recording it would fail at every rung."""
    with precision(torch.float64):
        cohort = Cohort(trials(optimizer), Programs())
        cohort.advance(STEPS)
        assert counting.replays == [STEPS - WARM_UP_STEPS]
        assert not any(recorded.whole for recorded in cohort._step_of_all._graphs.values())
        assert_trains_as_alone(cohort, STEPS)


def test_what_failed_to_be_recorded_is_not_tried_again(counting: Counting) -> None:
    """First the whole, then the gradients alone; from then on steps are taken as they are."""
    counting.fails_with = "CUDA error: operation not permitted when stream is capturing"
    programs = Programs()
    for whole in (True, False, None):
        cohort = Cohort(trials("muon_spectral"), programs)
        cohort.advance(STEPS)
        assert [one.whole for one in cohort._step_of_all._graphs.values()] == (
            [] if whole is None else [whole]
        )
        cohort.close()
    assert counting.recorded == 0
    counting.fails_with = None
    cohort = Cohort(trials("muon_spectral"), programs)
    cohort.advance(STEPS)
    assert counting.recorded == 0


def test_a_closed_cohort_has_released_what_it_recorded_and_is_gone(counting: Counting) -> None:
    cohort = Cohort(trials("adamw"), Programs())
    cohort.advance(STEPS)
    gc.collect()
    gc.disable()
    try:
        step = weakref.ref(cohort._step_of_all)
        cohort.close()
        assert counting.released == counting.recorded == 1
        del cohort
        assert step() is None, "a cycle holds the step, and with it its memory"
    finally:
        gc.enable()


@pytest.mark.parametrize("fits", [True, False])
def test_every_rung_leaves_nothing_recorded_whether_it_fits_or_not(
    fits: bool, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    members, programs = trials("adamw"), Programs()
    packing = Packing(way="fused", least=2, most=3, speedup=2.0, device="cpu")
    for rung in (5, 10, 15):
        if not fits and rung == 10:
            counting.fails_with = "CUDA out of memory"
        reached = list(train_packed(members, rung, packing, programs))
        assert [trial.step for trial, _ in reached] == [rung] * 3
        counting.fails_with = None
        live = sum(isinstance(one, Cohort) for one in gc.get_objects())
        assert counting.recorded - counting.released == 0
        assert live <= 1
    assert counting.recorded >= 2


def test_a_probe_holds_one_cohort_at_a_time_and_leaves_none(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_at_once: list[int] = []
    advance = Cohort.advance

    def watched(self: Cohort, steps: int) -> None:
        advance(self, steps)
        open_at_once.append(counting.recorded - counting.released)

    monkeypatch.setattr(Cohort, "advance", watched)
    # However slow the machine, cohorts are tried, and compiled.
    monkeypatch.setattr("workers.packing.probe.OPERATION_SECONDS", math.inf)
    monkeypatch.setattr("workers.packing.probe.TRACINGS", 0.0)
    monkeypatch.setattr("workers.packing.probe.COMPILE_SECONDS", 0.0)
    monkeypatch.setattr("workers.packing.timing.WARM_UP_STEPS", WARM_UP_STEPS)
    monkeypatch.setattr("workers.cohort.programs._compiled", lambda graph, _: graph)
    measured_packing(lambda: new_trial(spec("adamw")), 4, 1_000.0, Programs())
    assert counting.released == counting.recorded > 0
    assert max(open_at_once[-10:]) <= 1


@pytest.mark.parametrize("error", ["CUDA out of memory", "the compiler gave up"])
def test_a_probe_whose_compiled_cohort_fails_answers_with_the_fused_one(
    error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Cohort.__init__

    def failing(
        self: Cohort, members: list[RunningTrial], programs: Programs, *, compiled: bool, **_: bool
    ) -> None:
        if compiled:
            raise RuntimeError(error)
        opened(self, members, programs)

    monkeypatch.setattr(Cohort, "__init__", failing)
    monkeypatch.setattr("workers.packing.probe.WORTH_IT", 1e-3)
    monkeypatch.setattr("workers.packing.probe.OPERATION_SECONDS", 1.0)
    packing = measured_packing(lambda: new_trial(spec("adamw")), 4, 1e6, Programs())
    assert packing.way == "fused"


def test_what_waits_is_found_in_what_was_traced() -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    square = torch.eye(3)
    waiting = {
        "linalg_qr": lambda x: torch.linalg.qr(x)[0],
        "_linalg_eigh": lambda x: torch.linalg.eigh(x)[0],
        "linalg_inv_ex": torch.linalg.inv,
        "nonzero": torch.nonzero,
        "index": lambda x: x[x > 0],
    }
    for name, function in waiting.items():
        found = waiting_operation(make_fx(function)(square))
        assert found is not None, name
        assert name in found
    for function in (torch.linalg.vector_norm, torch.relu, lambda x: x[torch.tensor([0, 1])]):
        assert waiting_operation(make_fx(function)(square)) is None


def test_cpus_record_nothing() -> None:
    assert recorder_of(torch.device("cpu")) is None
    assert isinstance(recorder_of(torch.device("cuda")), Recorder)


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("optimizer", ["adamw", "muon_spectral", *FACTORISING])
def test_cohorts_opened_again_and_again_take_no_more_of_a_gpu(optimizer: str) -> None:
    programs, device, reserved = Programs(), torch.device("cuda"), []
    for _ in range(6):
        cohort = Cohort(trials(optimizer, "cuda"), programs)
        cohort.advance(STEPS)
        cohort.close()
        del cohort
        give_back(device)
        reserved.append(torch.cuda.memory_reserved(device))
    assert len(set(reserved[1:])) == 1


@pytest.mark.gpu
@on_a_gpu
def test_work_that_is_not_on_the_current_device_is_refused_as_empty() -> None:
    from workers.cohort.graphs import cuda_graph

    with pytest.raises(RuntimeError, match="nothing was recorded"):
        cuda_graph(lambda: torch.zeros(()))


@pytest.mark.gpu
@on_a_gpu
def test_a_recording_that_fails_leaves_stream_and_allocator_as_they_were() -> None:
    from workers.cohort.graphs import cuda_graph

    before = torch.cuda.current_stream()
    matrix = torch.eye(4, device="cuda")
    with pytest.raises(RuntimeError):
        cuda_graph(lambda: matrix.sum().item())
    assert torch.cuda.current_stream() == before
    assert torch.ones(2, device="cuda").sum().item() == 2
