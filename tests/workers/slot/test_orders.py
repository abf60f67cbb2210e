"""Orders, carried out in this process: what is reported, stored and kept."""

import math
from pathlib import Path

import pytest

from parametrization.check.slopes import activation_kind, is_aligned
from parametrization.rules.parametrization import Parametrization
from tests.workers.specs import (
    STUDY,
    TINY_GPT,
    TINY_MLP,
    hyperparameters,
    model_spec,
    train_order,
    trial_spec,
)
from tuner.engine.checkpoints import Checkpoint, FileCheckpoints
from tuner.engine.orders import CheckOrder, DescribeOrder, OrderId, TrainOrder
from tuner.engine.reports import Done, Failed, Lost, Reached, TrialProgress
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.states import StateReason
from workers.datasets.load import load_data
from workers.slot.orders import OpenCohort, carry_out
from workers.training.model_shapes import model_shape
from workers.training.trainer import train_to
from workers.training.trial import new_trial


def reports_of(
    order: DescribeOrder | CheckOrder | TrainOrder, folder: Path, cohort: OpenCohort | None = None
) -> list[Reached | Done | Failed]:
    reports = list(carry_out(order, cohort or OpenCohort(), folder))
    assert not any(isinstance(report, Lost) for report in reports)
    return [report for report in reports if not isinstance(report, Lost)]


def losses(reports: list[Reached | Done | Failed], number: int = 0) -> list[float]:
    """The trial's train losses over all reports."""
    return [
        value
        for report in reports
        if not isinstance(report, Failed)
        for trial in report.trials
        if trial.number == number
        for series in trial.curves
        if series.metric == "train_loss"
        for value in series.values
    ]


def progress_of(report: Reached | Done | Failed) -> list[TrialProgress]:
    assert not isinstance(report, Failed), report.message
    return list(report.trials)


def test_an_order_reports_every_rung_and_ends_in_done(tmp_path: Path) -> None:
    reports = reports_of(train_order(rungs=(3, 6, 12), attempt=2), tmp_path)
    assert [type(report) for report in reports] == [Reached, Reached, Done]
    assert {(report.order_id, report.attempt) for report in reports} == {("ord_train", 2)}
    trials = [trial for report in reports for trial in progress_of(report)]
    assert [trial.step for trial in trials] == [3, 6, 12]
    for trial in trials[:-1]:
        assert trial.checkpoint is not None
        assert trial.checkpoint.step == trial.step
        path = tmp_path / STUDY / "000000" / f"{trial.step}-2.safetensors"
        assert trial.checkpoint.uri == path.as_uri()
        assert path.is_file()
    assert trials[-1].checkpoint is None, "nobody goes on from a trained trial"


def test_rungs_do_not_change_what_is_trained(tmp_path: Path) -> None:
    trial = new_trial(trial_spec())
    train_to(trial, 12)
    assert losses(reports_of(train_order(rungs=(3, 6, 12)), tmp_path)) == trial.train_losses


def test_a_successor_goes_on_from_memory_or_from_the_checkpoint_alike(tmp_path: Path) -> None:
    cohort = OpenCohort()
    (first,) = reports_of(train_order(rungs=(6,)), tmp_path, cohort)
    checkpoint = progress_of(first)[0].checkpoint
    assert checkpoint is not None
    successor = train_order(name="ord_next", rungs=(12,), start=checkpoint)
    restored = reports_of(successor, tmp_path)
    FileCheckpoints(tmp_path).delete(checkpoint.uri)
    continued = reports_of(successor, tmp_path, cohort)  # without the file: from memory
    assert continued == restored
    assert losses([first, *continued]) == losses(reports_of(train_order(), tmp_path))


def test_trials_in_memory_that_are_elsewhere_are_not_continued(tmp_path: Path) -> None:
    cohort = OpenCohort()
    reports_of(train_order(rungs=(6,)), tmp_path, cohort)
    again = reports_of(train_order(name="ord_again", attempt=2, rungs=(3,)), tmp_path, cohort)
    assert losses(again) == losses(reports_of(train_order(rungs=(3,)), tmp_path))


def test_a_trial_of_another_study_is_another_trial(tmp_path: Path) -> None:
    cohort = OpenCohort()
    (first,) = reports_of(train_order(rungs=(6,)), tmp_path, cohort)
    checkpoint = progress_of(first)[0].checkpoint
    assert checkpoint is not None
    FileCheckpoints(tmp_path).delete(checkpoint.uri)
    other = train_order(rungs=(12,), start=checkpoint).model_copy(update={"study_id": "std_2"})
    (report,) = reports_of(other, tmp_path, cohort)
    assert isinstance(report, Failed)


def test_trials_of_one_order_train_as_they_do_alone(tmp_path: Path) -> None:
    specs = [trial_spec(number=n, seed=n, values=_rate(2.0 ** (-5 - n))) for n in range(3)]
    together = reports_of(train_order(*specs), tmp_path)
    for spec in specs:
        assert losses(together, spec.number) == losses(
            reports_of(train_order(spec), tmp_path), spec.number
        )


def test_a_diverging_trial_leaves_and_the_others_go_on(tmp_path: Path) -> None:
    specs = [trial_spec(number=0, values=_rate(1e25)), trial_spec(number=1)]
    reports = reports_of(train_order(*specs), tmp_path)
    assert [
        [(trial.number, trial.step, trial.diverged) for trial in progress_of(report)]
        for report in reports
    ] == [[(0, 1, True), (1, 3, False)], [(1, 6, False)], [(1, 12, False)]]
    assert progress_of(reports[0])[0].checkpoint is None
    assert losses(reports, 1) == losses(reports_of(train_order(trial_spec(number=1)), tmp_path), 1)


def test_an_order_is_done_when_its_last_trial_diverges(tmp_path: Path) -> None:
    (report,) = reports_of(train_order(trial_spec(values=_rate(1e25))), tmp_path)
    assert isinstance(report, Done)
    assert report.trials[0].diverged


@pytest.mark.parametrize("family", [TINY_GPT, TINY_MLP])
def test_describing_hands_back_the_base_shapes(family: Gpt | Mlp, tmp_path: Path) -> None:
    spec = model_spec(family, width=64, base_width=16)
    order = DescribeOrder(id=OrderId("ord_describe"), study_id=STUDY, model=spec)
    (report,) = reports_of(order, tmp_path)
    assert isinstance(report, Done)
    assert report.shape == model_shape(spec)
    assert report.data_sha256 == load_data(spec).sha256
    assert report.shape is not None
    assert report.shape.base_width == 16


@pytest.mark.parametrize("family", [TINY_GPT, TINY_MLP])
def test_a_check_takes_both_statistics_of_every_tensor_and_seed(
    family: Gpt | Mlp, tmp_path: Path
) -> None:
    order = CheckOrder(
        id=OrderId("ord_check"),
        study_id=STUDY,
        model=model_spec(family, width=32),
        optimizer="adamw",
        hyperparameters=_rate(2.0**-12),
        batch_size=4,
        seeds=(0, 1),
    )
    (report,) = reports_of(order, tmp_path)
    assert isinstance(report, Done)
    names = {tensor.name for tensor in model_shape(order.model).tensors}
    of_tensors = [
        s
        for s in report.statistics
        if activation_kind(s.tensor) is None and not is_aligned(s.tensor)
    ]
    assert {(s.tensor, s.width, s.seed) for s in of_tensors} == {
        (name, 32, seed) for name in names for seed in (0, 1)
    }
    assert all(s.update_rms and s.initial_rms is not None for s in of_tensors)
    activations = {s.tensor for s in report.statistics} - names
    assert {"model output", "logits of the loss"} <= activations
    assert (report,) == tuple(reports_of(order, tmp_path))


def test_the_check_tells_mup_from_the_standard_parametrization(tmp_path: Path) -> None:
    """Slope of log2 D of a hidden matrix over two doublings: 0 against 1."""

    def slope(parametrization: Parametrization) -> float:
        means = []
        for width in (64, 256):
            order = CheckOrder(
                id=OrderId(f"ord_{width}"),
                study_id=STUDY,
                model=model_spec(width=width, base_width=64, parametrization=parametrization),
                optimizer="adamw",
                hyperparameters=_rate(2.0**-12),
                batch_size=8,
                seeds=(0, 1),
            )
            (report,) = reports_of(order, tmp_path)
            assert isinstance(report, Done)
            values = [
                math.log2(s.update_rms or 0.0)
                for s in report.statistics
                if s.tensor == "blocks.0.feed_forward.up.weight"
            ]
            means.append(sum(values) / len(values))
        return (means[1] - means[0]) / 2

    assert abs(slope(Parametrization.MUP)) < 0.25
    assert slope(Parametrization.SP) > 0.7


def test_an_error_fails_the_order_with_its_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = _rate(0.01)
    del values["beta1"]
    (report,) = reports_of(train_order(trial_spec(values=values)), tmp_path)
    assert isinstance(report, Failed)
    assert report.reason is StateReason.ERROR
    assert report.message == "ValueError: adamw needs beta1"
    assert f"order ord_train of study {STUDY}, trials 0 failed" in caplog.text


def test_an_order_that_cannot_be_stored_is_the_slots_trouble_and_leaves_nothing_in_memory(
    tmp_path: Path,
) -> None:
    cohort = OpenCohort()
    (tmp_path / "in_the_way").write_text("")
    (report,) = carry_out(train_order(), cohort, tmp_path / "in_the_way")
    assert isinstance(report, Lost)
    assert report.is_of_slot
    assert "cannot write the checkpoint" in report.message
    assert cohort.trials == {}


def _rate(learning_rate: float) -> dict[str, float]:
    return hyperparameters("adamw", learning_rate=learning_rate)


def test_trials_of_earlier_orders_are_continued_from_memory_too(tmp_path: Path) -> None:
    cohort = OpenCohort()
    specs = [trial_spec(number=number, seed=number) for number in range(3)]
    heads = [_reached(train_order(spec, rungs=(6,)), tmp_path, cohort) for spec in specs]
    for spec, start in zip(specs, heads, strict=True):
        FileCheckpoints(tmp_path).delete(start.uri)
        (tail,) = reports_of(train_order(spec, rungs=(12,), start=start), tmp_path, cohort)
        assert isinstance(tail, Done)
    assert cohort.trials == {}, "trained trials are not kept"


def test_trials_that_there_is_no_room_for_are_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.slot.orders.KEPT_BYTES", 0)
    cohort = OpenCohort()
    specs = [trial_spec(number=number) for number in range(2)]
    for spec in specs:
        _reached(train_order(spec, rungs=(6,)), tmp_path, cohort)
    assert set(cohort.trials) == {(STUDY, 1)}, "the last order's own"


def _reached(order: TrainOrder, folder: Path, cohort: OpenCohort) -> Checkpoint:
    (report,) = reports_of(order, folder, cohort)
    checkpoint = progress_of(report)[0].checkpoint
    assert checkpoint is not None
    return checkpoint
