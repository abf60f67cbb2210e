"""A cohort that stays open from rung to rung, as long as its members are the same."""

from pathlib import Path

import pytest

from tests.workers.cohort.cohorts import PROGRAMS, identical, varied
from tests.workers.cohort.recordings import Counting
from tests.workers.specs import TINY_MLP, train_order
from tuner.engine.checkpoints import Checkpoint
from tuner.engine.orders import OpenTrial, OrderId, TrainOrder, TrialSpec
from tuner.engine.packing import SOLO, Packing
from tuner.engine.reports import Done, Lost
from workers.cohort import step as cohort_step
from workers.packing import train_together
from workers.packing.kept_cohort import KeptCohort
from workers.packing.train_together import train_packed
from workers.slot.orders import OpenCohort, carry_out
from workers.training.trainer import ended
from workers.training.trial import RunningTrial, new_trial, restored_trial

FUSED = Packing(way="fused", least=2, most=4, speedup=2.0, device="cpu")
RUNGS = (5, 10, 15, 20)
STEPS = 40


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Every cohort records, as if it were on a GPU."""
    counted = Counting()
    monkeypatch.setattr(cohort_step, "recorder_of", lambda _: counted.recorder)
    return counted


def specs(trials: int = 3) -> list[TrialSpec]:
    return varied(trials, TINY_MLP, steps=STEPS)


def trained(trials: list[RunningTrial], step: int, kept: KeptCohort | None) -> None:
    for trial, segment in train_packed(trials, step, FUSED, PROGRAMS, kept):
        assert trial.step == step
        assert len(segment.updates) == step - segment.first_step + 1


def test_rungs_with_the_same_members_record_once_and_train_the_same_bits(
    counting: Counting,
) -> None:
    members, others = ([new_trial(spec) for spec in specs()] for _ in range(2))
    kept = KeptCohort()
    for rung in RUNGS:
        trained(members, rung, kept)
        assert (counting.recorded, counting.released) == (1, 0)
    for rung in RUNGS:
        trained(others, rung, None)
    assert counting.recorded == 1 + len(RUNGS)
    assert all(identical(a, b) for a, b in zip(members, others, strict=True))
    kept.close()
    assert counting.released == counting.recorded


def test_members_that_have_changed_are_recorded_anew_after_the_old_are_released(
    counting: Counting,
) -> None:
    members, kept = [new_trial(spec) for spec in specs()], KeptCohort()
    trained(members, 5, kept)
    trained(members[:2], 10, kept)
    assert (counting.recorded, counting.released) == (2, 1)
    trained(members[:2], 15, kept)
    assert (counting.recorded, counting.released) == (2, 1)
    list(train_packed(members[:2], 16, SOLO, PROGRAMS, kept))
    assert counting.released == 2, "trials alone have the memory to themselves"


def test_nothing_is_kept_of_trials_that_are_trained(counting: Counting) -> None:
    members, kept = [new_trial(spec) for spec in specs()], KeptCohort()
    trained(members, STEPS, kept)
    assert counting.released == counting.recorded == 1


def test_a_validation_that_does_not_fit_beside_the_cohort_has_the_memory_to_itself(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def needing_all(*arguments: object) -> object:
        if counting.released < counting.recorded:
            raise RuntimeError("CUDA out of memory")
        return ended(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(train_together, "ended", needing_all)
    trained([new_trial(spec) for spec in specs()], 5, KeptCohort())
    assert counting.released == counting.recorded == 1


def order(name: str, starts: list[Checkpoint | None], to_step: int) -> TrainOrder:
    """Of the first trials, one a start."""
    pairs = zip(specs(len(starts)), starts, strict=True)
    trials = tuple(OpenTrial(spec=spec, start=start) for spec, start in pairs)
    whole = train_order(name=name, rungs=(to_step,))
    return whole.model_copy(update={"trials": trials, "packing": FUSED, "id": OrderId(name)})


def starts_of(order: TrainOrder, folder: Path, held: OpenCohort) -> list[Checkpoint | None]:
    """Carry it out; where its trials go on from."""
    (report,) = carry_out(order, held, folder)
    assert isinstance(report, Done), report
    return [trial.checkpoint for trial in report.trials]


def test_successive_orders_go_on_with_one_recording(counting: Counting, tmp_path: Path) -> None:
    held, starts = OpenCohort(), list[Checkpoint | None]([None] * 3)
    for number, rung in enumerate(RUNGS):
        starts = starts_of(order(f"ord_{number}", starts, rung), tmp_path, held)
        assert (counting.recorded, counting.released) == (1, 0)
    starts_of(order("ord_pruned", starts[:2], 25), tmp_path, held)
    assert (counting.recorded, counting.released) == (2, 1)


def test_an_order_of_trials_that_are_not_in_memory_has_it_to_itself(
    counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = OpenCohort()
    starts = starts_of(order("ord_first", [None] * 3, 5), tmp_path, held)
    held.trials.clear()
    open_then: list[int] = []

    def noting(*arguments: object) -> RunningTrial:
        open_then.append(counting.recorded - counting.released)
        return restored_trial(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("workers.slot.orders.restored_trial", noting)
    starts_of(order("ord_next", starts, 10), tmp_path, held)
    assert open_then == [0, 0, 0]


def test_an_order_that_fails_leaves_nothing_recorded(counting: Counting, tmp_path: Path) -> None:
    held = OpenCohort()
    starts_of(order("ord_first", [None] * 3, 5), tmp_path, held)
    (tmp_path / "in_the_way").write_text("")
    (report,) = carry_out(order("ord_other", [None] * 3, 5), held, tmp_path / "in_the_way")
    assert isinstance(report, Lost)
    assert report.is_of_slot
    assert counting.released == counting.recorded == 2
