"""Trials leased over HTTP by trainers of users' own, and what they report."""

import math

import pytest
import yaml

from tests.app.coordinated import Coordinated
from tests.app.served import Served
from tests.tuner.own_trainer import SHAPES, STEPS, losses, report


@pytest.fixture
def study(served: Served) -> Coordinated:
    return Coordinated(served)


def test_a_trainer_gets_a_trial_with_everything_that_it_takes(study: Coordinated) -> None:
    first = study.ask()
    assert first.status_code == 204
    assert first.headers["retry-after"] == "1"
    lease = study.lease()
    assert (lease["study"], lease["attempt"], lease["trial"]) == (study.study, 1, 0)
    assert (lease["width"], lease["base_width"], lease["depth"]) == (32, 32, 1)
    assert (lease["steps"], lease["to_step"], lease["rungs"]) == (STEPS, STEPS, [2, 4, 8])
    assert (lease["batch_size"], lease["seed"], lease["start_step"]) == (4, 0, 0)
    names = [name for tensor in lease["tensors"] for name in tensor["names"]]
    assert sorted(names) == sorted(tensor["name"] for tensor in SHAPES["tensors"])
    rate = lease["hyperparameters"]["learning_rate"]
    assert {group["learning_rate"] for group in lease["groups"]} == {rate}  # at the base width
    assert lease["schedule"]["steps"] == STEPS


def test_who_asks_again_gets_the_same_trial_and_others_get_others(study: Coordinated) -> None:
    lease = study.lease("one")
    assert study.ask("one").json()["order"] == lease["order"]
    other = study.lease("two")
    assert other["order"] != lease["order"]
    assert study.ask("one").json()["order"] == lease["order"]


def test_the_numbers_come_in_yaml_and_as_a_snippet_that_runs(study: Coordinated) -> None:
    lease = study.lease()
    body = {"worker": "one"}
    path = f"/v1/studies/{study.study}:lease?format="
    same = yaml.safe_load(study.client.post(f"{path}yaml", json=body).text)
    assert same["tensors"] == lease["tensors"]
    snippet = study.client.post(f"{path}python", json=body)
    assert snippet.headers["content-type"].startswith("text/x-python")
    compile(snippet.text, "snippet", "exec")
    assert "embed.weight" in snippet.text


def test_a_trial_is_reported_to_its_end_and_read_like_any_other(study: Coordinated) -> None:
    lease = study.lease()
    told = [
        study.report(lease, report(lease, step, [loss])).json()["answer"]
        for step, loss in enumerate(losses(lease), start=1)
    ]
    assert told == ["continue"] * (STEPS - 1) + ["stop"]
    study.turn()
    trial = study.trial(0)
    whole = [loss for loss in losses(lease) if loss is not None]
    assert trial["state"] == "complete"
    assert trial["value"] == pytest.approx(math.fsum(whole[4:]) / 4, rel=1e-6)
    assert list(trial["intermediate_values"]) == ["2", "4", "8"]
    curves = study.client.get(f"/v1/studies/{study.study}/curves?number=0").json()["curves"]
    assert curves[0]["steps"] == list(range(1, STEPS + 1))
    assert curves[0]["values"] == pytest.approx(whole, rel=1e-6)
    late = study.report(lease, report(lease, STEPS, []))
    assert (late.status_code, late.json()["reason"]) == (200, "done")


def test_a_report_that_is_sent_again_changes_nothing(study: Coordinated) -> None:
    lease = study.lease()
    for _ in range(3):
        answer = study.report(lease, report(lease, 3, [3.0, 2.0, 1.0])).json()
        assert (answer["answer"], answer["step"]) == ("continue", 3)
    assert study.report(lease, report(lease, 2, [9.0, 9.0])).json()["step"] == 3
    study.report(lease, report(lease, 4, [9.0, 9.0, 9.0, 4.0]))  # three of them are known
    study.turn()
    assert study.trial(0)["intermediate_values"]["4"] == pytest.approx(2.5)


def test_a_loss_may_stand_for_equally_many_updates(study: Coordinated) -> None:
    lease = study.lease()
    study.report(lease, report(lease, 8, [4.0, 2.0]))
    study.turn()
    curves = study.client.get(f"/v1/studies/{study.study}/curves?number=0").json()["curves"]
    assert curves[0]["values"] == [4.0] * 4 + [2.0] * 4
    assert study.trial(0)["value"] == 2.0


@pytest.mark.parametrize(
    "broken",
    [
        b'{"attempt": 1, "step": 3, "train_loss": [2.0, null, 3.0]}',
        b'{"attempt": 1, "step": 3, "train_loss": [2.0, NaN, 3.0]}',
        b'{"attempt": 1, "step": 3, "train_loss": [2.0, Infinity, NaN]}',
        b'{"attempt": 1, "step": 2, "train_loss": [2.0, 3.0], "diverged": true}',
        b'{"attempt": 1, "step": 2, "train_loss": [2.0, 3.0], "validation_loss": NaN}',
    ],
)
def test_what_is_no_number_ends_the_trial_as_diverged(study: Coordinated, broken: bytes) -> None:
    lease = study.lease()
    answer = study.report(lease, broken).json()
    assert (answer["answer"], answer["reason"]) == ("stop", "diverged")
    study.turn()
    trial = study.trial(0)
    assert (trial["state"], trial["state_reason"]) == ("pruned", "diverged")
    assert trial["step"] == 2


def test_a_trainer_may_give_a_trial_up_with_its_reason(study: Coordinated) -> None:
    lease = study.lease()
    answer = study.report(lease, report(lease, 1, [2.0]) | {"failed": "out of quota\x00"})
    assert (answer.json()["answer"], answer.json()["reason"]) == ("stop", "failed")
    study.turn()
    trial = study.trial(0)
    assert (trial["state"], trial["state_reason"]) == ("fail", "error")
    assert trial["message"].startswith("out of quota")


def test_trials_compared_by_validation_loss_need_it_at_every_rung(served: Served) -> None:
    family = {"name": "external", "shapes": SHAPES, "metric": "validation_loss"}
    study = Coordinated(served, family=family)
    lease = study.lease()
    silent = study.report(lease, report(lease, 2, [2.0, 2.0]))
    assert [error["pointer"] for error in silent.json()["errors"]] == ["/validation_loss"]
    beyond = study.report(lease, report(lease, 3, [2.0] * 3) | {"validation_loss": 2.0})
    assert [error["pointer"] for error in beyond.json()["errors"]] == ["/step"]
    negative = study.report(lease, report(lease, 2, [-2.0, -2.0]) | {"validation_loss": -1.0})
    assert [error["pointer"] for error in negative.json()["errors"]] == ["/validation_loss"]
    for rung, loss in ((2, 3.0), (4, 2.5), (8, 2.25)):
        known = study.report(lease, report(lease, rung, []) | {"validation_loss": loss})
        assert known.status_code == 200, known.text
    study.turn()
    trial = study.trial(0)
    assert (trial["value"], trial["intermediate_values"]) == (2.25, {"2": 3.0, "4": 2.5, "8": 2.25})


def test_a_paused_study_stops_its_trainers_and_goes_on_from_their_checkpoints(
    study: Coordinated,
) -> None:
    lease = study.lease()
    own = "s3://their bucket/é?step=3"
    study.report(lease, report(lease, 3, [3.0, 2.0, 1.0]) | {"checkpoint": own})
    study.client.post(f"/v1/studies/{study.study}:pause")
    told = study.report(lease, report(lease, 4, [1.0])).json()
    assert (told["answer"], told["reason"]) == ("stop", "paused")
    waiting = study.ask()
    assert (waiting.status_code, waiting.headers["retry-after"]) == (204, "10")
    study.turn()
    study.client.post(f"/v1/studies/{study.study}:resume")
    study.turn()
    again = next(
        one for one in (study.lease(f"w{n}") for n in range(8)) if one["trial"] == lease["trial"]
    )
    assert (again["start_step"], again["checkpoint"], again["reported_step"]) == (3, own, 3)
    assert again["order"] != lease["order"]
    old = study.report(lease, report(lease, 5, [1.0]))
    assert (old.status_code, old.json()["type"]) == (409, "urn:widthwise:problem:lease-lost")
    study.report(again, report(again, 8, [1.0] * 5))
    study.turn()
    assert study.trial(lease["trial"])["intermediate_values"]["4"] == pytest.approx(1.0)


def test_a_cancelled_study_stops_its_trainers_and_has_no_more_trials(study: Coordinated) -> None:
    lease = study.lease()
    study.client.post(f"/v1/studies/{study.study}:cancel")
    told = study.report(lease, report(lease, 1, [1.0])).json()
    assert (told["answer"], told["reason"]) == ("stop", "cancelled")
    ended = study.ask()
    assert (ended.status_code, ended.json()["type"]) == (410, "urn:widthwise:problem:study-ended")


def test_only_external_studies_lease_trials_and_only_known_orders_are_reported(
    served: Served, study: Coordinated
) -> None:
    other = served.submit()
    refused = served.client.post(f"/v1/studies/{other}:lease", json={"worker": "one"})
    assert (refused.status_code, refused.json()["title"]) == (409, "Not external")
    missing = served.client.post("/v1/studies/std_nowhere:lease", json={"worker": "one"})
    assert missing.status_code == 404
    unknown = study.report({"order": "std_1-v3-t0-s0"}, {"attempt": 1, "step": 1})
    assert (unknown.status_code, unknown.json()["title"]) == (404, "Order not found")


def test_a_pruned_search_stops_at_every_rung(served: Served) -> None:
    search = {"trials": 4, "batch_size": 4, "pruner": "median"}
    study = Coordinated(served, search=search)
    lease = study.lease()
    assert lease["rungs"] == [2]
    told = study.report(lease, report(lease, 2, [2.0, 2.0])).json()
    assert (told["answer"], told["reason"]) == ("stop", "done")
