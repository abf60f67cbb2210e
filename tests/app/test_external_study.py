"""Whole studies that trainers of users' own train: to the end, and to an answer that is right."""

import datetime as dt
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from tests.app.coordinated import Coordinated
from tests.app.served import Served
from tests.patience import PATIENCE_SECONDS
from tests.tuner.own_trainer import BEST_LOG2_RATE, SHAPES, STEPS, external_spec, losses, report
from tuner.coordinator.external_engine import ExternalEngine
from tuner.coordinator.memory import Memory
from tuner.coordinator.reconcile import tick
from tuner.storage.heartbeats import beat
from tuner.storage.sql.lease_tables import LeaseRow, TrainerRow
from widthwise.client import Client
from widthwise.external.trial import Trial

ROOT = Path(__file__).parents[2]


@contextmanager
def coordinating(served: Served) -> Iterator[None]:
    """Turn the coordinator in a thread."""
    over = threading.Event()
    engine, memory = ExternalEngine(served.database, ahead=True), Memory()

    def turn() -> None:
        while not over.is_set():
            tick(served.database, engine, 0.02, memory=memory)

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def train_to_the_end(study: Coordinated, *, noise: float = 0.0) -> None:
    """One report a trial; with noise, no two trainings of a trial are alike."""
    trained = 0
    while study.state()["state"] not in ("completed", "failed"):
        answer = study.ask()
        if answer.status_code != 200:
            study.turn(1)
            continue
        lease, trained = answer.json(), trained + 1
        values = losses(lease)
        shift = noise * (-1) ** trained
        noisy = [None if loss is None else loss * (1 + shift) for loss in values]
        study.report(lease, report(lease, len(noisy), noisy))
        study.turn(1)


def recommendation(study: Coordinated) -> dict[str, Any]:
    path = f"/v1/studies/{study.study}/recommendation"
    answer: dict[str, Any] = study.client.get(path).raise_for_status().json()
    return answer


def reasons(answer: dict[str, Any], topic: str) -> list[str]:
    return [one["words"] for one in answer["reasons"] if one["topic"] == topic]


def test_a_study_ends_with_the_best_rate_and_says_what_it_rests_on(served: Served) -> None:
    study = Coordinated(served)
    train_to_the_end(study)
    assert study.state()["state"] == "completed", study.state()["reason"]
    answer = recommendation(study)
    assert abs(math.log2(answer["learning_rate"]["value"]) - BEST_LOG2_RATE) < 0.25
    assert reasons(answer, "check")[0].startswith("the coordinate check was skipped")
    floor = answer["noise_floor"]
    assert floor["losses"][0] == floor["losses"][1]  # this trainer repeats itself exactly
    assert (floor["spread_percent"], reasons(answer, "noise")) == (0.0, [])
    assert answer["verdict"] == "caution"
    repeated = study.trial(floor["repeated_by"])
    assert (repeated["purpose"], repeated["seed"]) == (
        "repeat",
        study.trial(floor["trial"])["seed"],
    )
    assert answer["cost"]["tuning_flops"] > 0
    assert study.client.get(f"/studies/{study.study}").status_code == 200
    assert study.ask().status_code == 410


def test_a_coordinator_killed_between_a_trials_end_and_the_leases_goes_on(served: Served) -> None:
    study = Coordinated(served)
    lease = study.lease()
    values = losses(lease)
    study.report(lease, report(lease, len(values), values))
    study.turn(1)  # the trial's end is stored; its lease is closed by the next turn alone
    study.engine, study.memory = ExternalEngine(study.database, ahead=True), Memory()
    train_to_the_end(study)
    assert study.state()["state"] == "completed", study.state()["reason"]


def test_a_trainer_that_does_not_repeat_itself_is_told_so(served: Served) -> None:
    study = Coordinated(served)
    train_to_the_end(study, noise=0.02)
    answer = recommendation(study)
    spread = answer["noise_floor"]["spread_percent"]
    assert spread == pytest.approx(4.0, rel=0.01) or spread == 0.0
    if spread:
        assert "the same batches" in reasons(answer, "noise")[0]


def test_a_study_says_which_trainer_it_waits_for(served: Served) -> None:
    family = {"name": "external", "shapes": SHAPES}
    study = Coordinated(served, family=family | {"check": "posted"})
    unchecked, study.study = study.study, Coordinated(served, family=family).study
    with served.database.write() as session:
        beat(session, "tuner", "coordinator", None, None)
    assert "client.trials(" in study.state()["problem"]
    assert f"POST /v1/studies/{study.study}:lease" in study.state()["problem"]
    lease = study.lease()
    assert study.state()["problem"] is None
    with served.database.write() as session:
        session.execute(update(LeaseRow).values(expires_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)))
        session.execute(delete(TrainerRow))
    assert study.state()["problem"].startswith("No trainer is at work any more")
    study.report(lease, report(lease, 1, [3.0]))
    assert study.state()["problem"] is None
    study.study = unchecked
    assert f"widthwise post-check {unchecked} FILE.py" in study.state()["problem"]


def test_trainers_are_listed_among_the_workers(served: Served) -> None:
    study = Coordinated(served)
    study.ask("idle")
    lease = study.lease("at work")
    listed = {one["name"]: one for one in study.client.get("/v1/workers").json()["workers"]}
    assert listed[f"at work ({study.study})"]["order_id"] == lease["order"]
    assert listed[f"idle ({study.study})"]["order_id"] is None
    assert {one["liveness"] for one in listed.values()} == {"well"}
    assert f"at work ({study.study})" in study.client.get("/workers").text


def test_a_loop_over_a_studys_trials_trains_them(served: Served, tmp_path: Path) -> None:
    with coordinating(served), Client(served.address) as client:
        study = client.submit(external_spec(search={"trials": 4, "batch_size": 4}))
        for trial in client.trials(study, worker="loop"):
            trial.to_file(tmp_path / "trial.json")
            same = Trial.from_file(tmp_path / "trial.json")  # as the other ranks read it
            assert same.scalings() == trial.scalings()
            for step, loss in enumerate(losses(trial.document), start=1):
                told = trial.report(step, math.nan if loss is None else loss)
                assert told == ("continue" if step < STEPS and loss is not None else "stop")
            assert trial.has_ended
        assert client.study(study["id"])["state"] == "completed"
        assert len(client.trials(study["id"])["trials"]) > 30


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        "plain_pytorch.py",
        pytest.param(
            "hf_trainer.py",
            marks=pytest.mark.skipif(
                find_spec("transformers") is None or find_spec("accelerate") is None,
                reason="needs transformers and accelerate, which are extras",
            ),
        ),
    ],
)
def test_an_example_tunes_its_own_model(served: Served, script: str) -> None:
    options = [f"--address={served.address}", "--steps=8", "--trials=3", "--target-width=128"]
    command = [sys.executable, str(ROOT / "examples" / "external" / script), *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with coordinating(served):
        told = subprocess.run(
            command,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
    assert told.returncode == 0, told.stderr
    assert "width 128" in told.stdout


def test_a_shell_script_tunes_with_curl_alone(served: Served) -> None:
    script = ROOT / "examples" / "external" / "trainer.sh"
    with coordinating(served), Client(served.address) as client:
        study = client.submit(external_spec(search={"trials": 4, "batch_size": 4}))["id"]
        subprocess.run([script, served.address, study], check=True, timeout=PATIENCE_SECONDS)
        answer = client.recommendation(study)
    assert abs(math.log2(answer["learning_rate"]["value"]) - BEST_LOG2_RATE) < 0.25
    assert answer["noise_floor"]["spread_percent"] == 0.0


def test_news_that_follow_others_closely_are_told_later(served: Served) -> None:
    study = Coordinated(served)
    one, two, three = (study.lease(worker) for worker in ("one", "two", "three"))
    patient = ExternalEngine(study.database, gather_seconds=3600.0)
    study.report(one, report(one, 2, [2.0, 2.0]))
    assert told_of(patient, 0.0) == [one["order"]]
    study.report(two, report(two, 2, [2.0, 2.0]))
    assert told_of(patient, 0.0) == []
    brief = ExternalEngine(study.database, gather_seconds=0.01)
    assert told_of(brief, 0.0) == [one["order"], two["order"]]
    study.report(three, report(three, 2, [2.0, 2.0]))
    assert told_of(brief, PATIENCE_SECONDS) == [three["order"]]


def told_of(engine: ExternalEngine, wait_seconds: float) -> list[str]:
    """The orders that there is news of."""
    return [told.order_id for told in engine.wait(wait_seconds)]
