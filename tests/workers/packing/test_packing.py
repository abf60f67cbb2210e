"""Several trials on one device: packed, out of memory, and left to themselves."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.workers.cohort.cohorts import PROGRAMS, alone, distance, precision, varied
from tests.workers.specs import TINY_MLP, train_order, training, trial_spec
from tuner.engine.orders import OpenTrial, TrainOrder
from tuner.engine.packing import SOLO, Packing
from tuner.engine.reports import Done, Reached
from workers.cohort.cohort import Cohort
from workers.packing.train_together import train_packed
from workers.slot.orders import OpenCohort, carry_out
from workers.training.trainer import Segment, train_to
from workers.training.trial import RunningTrial, new_trial

FUSED = Packing(way="fused", least=2, most=4, speedup=2.0, device="cpu")
STEPS = 12


def opened(trials: int, *, shared_seed: bool = True) -> list[RunningTrial]:
    specs = varied(trials, TINY_MLP, steps=STEPS, shared_seed=shared_seed)
    return [new_trial(spec) for spec in specs]


def trained(
    trials: list[RunningTrial], packing: Packing = FUSED, step: int = STEPS
) -> dict[int, Segment]:
    return {
        trial.spec.number: segment
        for trial, segment in train_packed(trials, step, packing, PROGRAMS)
    }


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of trials of the cohorts that were opened."""
    seen: list[int] = []
    open_cohort = Cohort.__init__

    def noting(self: Cohort, trials: list[RunningTrial], *rest: object, **options: bool) -> None:
        seen.append(len(trials))
        open_cohort(self, trials, *rest, **options)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(Cohort, "__init__", noting)
    return seen


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_every_trial_trains_once_and_as_it_would_alone(count: int, sizes: list[int]) -> None:
    with precision(torch.float64):
        trials = opened(count)
        segments = trained(trials)
        assert sorted(segments) == list(range(count))
        for trial in trials:
            reference = alone(trial.spec, STEPS)
            assert distance(trial, reference) < 1e-12
            segment = segments[trial.spec.number]
            assert segment.first_step == 1
            assert [update.train_loss for update in segment.updates] == trial.train_losses
            assert segment.validation_loss is not None
        assert sizes == {1: [], 2: [2], 5: [4], 9: [4, 4]}[count]


def test_trials_that_share_their_batches_train_together(sizes: list[int]) -> None:
    trials = opened(3) + [new_trial(spec) for spec in varied(5, TINY_MLP, steps=STEPS)][3:]
    for number, trial in enumerate(trials):
        trial.spec = trial.spec.model_copy(update={"seed": (0, 1, 0, 1, 0)[number]})
    trained(trials)
    assert sizes == [3, 2]


def test_trials_of_several_seeds_train_together_on_a_gpu(sizes: list[int]) -> None:
    """A batch of its own for every trial is what a CPU is slower for."""
    with precision(torch.float64):
        trials = opened(4, shared_seed=False)
        trained(trials, FUSED.model_copy(update={"least": 3, "device": "cuda"}))
        assert sizes == [4]
        assert all(distance(trial, alone(trial.spec, STEPS)) < 1e-12 for trial in trials)


def test_too_few_trials_to_pay_train_one_after_another(sizes: list[int]) -> None:
    trained(opened(3), FUSED.model_copy(update={"least": 4}))
    assert sizes == []


def test_the_solo_way_opens_no_cohort(sizes: list[int]) -> None:
    trained(opened(3), SOLO)
    assert sizes == []


def test_a_diverged_trial_is_reported_and_the_others_go_on_without_it(sizes: list[int]) -> None:
    trials = opened(3)
    hot = trials[1].spec.model_copy(
        update={"hyperparameters": trials[1].spec.hyperparameters | {"learning_rate": 1e30}}
    )
    trials[1] = new_trial(hot)
    segments = trained(trials)
    expected = train_to(new_trial(hot), STEPS)
    assert segments[1].diverged_at == expected.diverged_at
    assert [trial.step for trial in trials] == [STEPS, len(expected.updates), STEPS]
    assert segments[1].validation_loss is None


def memory_for(most: int, failing_step: int) -> Callable[..., object]:
    """A step that fails like torch's allocator once the cohort is larger than memory allows."""
    step = Cohort._step

    def limited(self: Cohort) -> None:
        if len(self.trials) > most and self._steps[0] == failing_step:
            torch.empty(2**50)  # the allocator's own words
        step(self)

    return limited


@pytest.mark.parametrize("failing_step", [0, 5])
def test_a_cohort_out_of_memory_goes_on_in_halves_from_where_it_was(
    failing_step: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with precision(torch.float64):
        monkeypatch.setattr(Cohort, "_step", memory_for(2, failing_step))
        trials = opened(4)
        segments = trained(trials)
        assert sizes == [4, 2, 2]
        for trial in trials:
            assert distance(trial, alone(trial.spec, STEPS)) < 1e-12
            assert len(segments[trial.spec.number].updates) == STEPS


def test_an_error_that_is_not_memory_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Cohort) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Cohort, "_step", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        trained(opened(3))


def test_an_order_that_packs_reports_what_the_same_order_alone_reports(tmp_path: Path) -> None:
    with precision(torch.float64):
        specs = varied(3, TINY_MLP, steps=STEPS)
        reports = {}
        for packing in (SOLO, FUSED):
            order = train_order(*specs).model_copy(update={"packing": packing})
            reports[packing.way] = list(carry_out(order, OpenCohort(), tmp_path / packing.way))
    for one, other in zip(reports["solo"], reports["fused"], strict=True):
        assert isinstance(one, Reached | Done)
        assert isinstance(other, Reached | Done)
        assert [trial.number for trial in one.trials] == [trial.number for trial in other.trials]
        for mine, yours in zip(one.trials, other.trials, strict=True):
            assert mine.loss == pytest.approx(yours.loss, rel=1e-12)
            assert mine.step == yours.step
            assert [series.metric for series in mine.curves] == [
                series.metric for series in yours.curves
            ]


def test_a_packed_order_goes_on_from_memory_or_from_checkpoints_alike(tmp_path: Path) -> None:
    specs = varied(3, TINY_MLP, steps=STEPS)
    held = OpenCohort()
    (first,) = carry_out(packed(train_order(*specs, rungs=(6,))), held, tmp_path)
    assert isinstance(first, Done)
    successor = TrainOrder(
        id=first.order_id,
        study_id="std_test",
        trials=tuple(
            OpenTrial(spec=spec, start=trial.checkpoint)
            for spec, trial in zip(specs[1:], first.trials[1:], strict=True)
        ),
        rungs=(STEPS,),
        packing=FUSED,
    )
    restored = list(carry_out(successor, OpenCohort(), tmp_path / "restored"))
    continued = list(carry_out(successor, held, tmp_path / "continued"))
    for one, other in zip(restored, continued, strict=True):
        assert isinstance(one, Done)
        assert isinstance(other, Done)
        assert [trial.curves for trial in one.trials] == [trial.curves for trial in other.trials]


def test_a_lone_trial_of_a_packed_order_trains_as_solo_orders_do(sizes: list[int]) -> None:
    spec = trial_spec(train=training(steps=STEPS))
    trial = new_trial(spec)
    trained([trial])
    assert sizes == []
    assert trial.train_losses == alone(spec, STEPS).train_losses


def packed(order: TrainOrder) -> TrainOrder:
    return order.model_copy(update={"packing": FUSED})
