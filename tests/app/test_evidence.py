"""What a study has measured and recommends, over HTTP."""

import ast
import json

import pytest
import yaml

from parametrization.optimizers.registry import STUDIED
from tests.app.served import Served
from tuner.recommendation.recommend import Recommendation
from tuner.spec.states import StudyState
from widthwise.client import Client


def test_trials_can_be_picked_by_what_they_are(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    path = f"/v1/studies/{study_id}/trials"
    everything = served.client.get(path).json()["trials"]
    query = "purpose=measure&purpose=control&width=64&parametrization=sp"
    picked = served.client.get(f"{path}?{query}").json()["trials"]
    assert picked
    assert picked == [
        trial for trial in everything if trial["purpose"] == "control" and trial["width"] == 64
    ]
    assert [trial["number"] for trial in everything] == list(range(len(everything)))
    assert "checkpoint" not in everything[0]


def test_curves_can_be_picked_by_trial_and_metric(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    path = f"/v1/studies/{study_id}/curves?number=0&number=3&metric=train_loss"
    curves = served.client.get(path).json()["curves"]
    assert [(curve["number"], curve["metric"]) for curve in curves] == [
        (0, "train_loss"),
        (3, "train_loss"),
    ]
    assert all(len(curve["steps"]) == len(curve["values"]) > 0 for curve in curves)


def test_the_coordinate_check_gives_a_verdict_in_words_and_slopes(
    finished: tuple[Served, str],
) -> None:
    served, study_id = finished
    (check,) = served.client.get(f"/v1/studies/{study_id}/coordinate-check").json()["checks"]
    assert (check["optimizer"], check["status"]) == ("adamw", "passed")
    assert "fit" in check["summary"]
    assert {tensor["tensor"] for tensor in check["tensors"]} >= {"embed.weight"}
    assert all(abs(tensor["update_slope"]) < 0.1 for tensor in check["tensors"])


def test_sensitivity_shows_where_the_optimum_goes_under_both_rules(
    finished: tuple[Served, str],
) -> None:
    served, study_id = finished
    document = served.client.get(f"/v1/studies/{study_id}/sensitivity").json()
    drift = {
        at["parametrization"]: at["drift"]["octaves_per_doubling"] for at in document["transfer"]
    }
    assert drift["mup"] == pytest.approx(0, abs=0.1)
    assert drift["sp"] == pytest.approx(-1, abs=0.2)
    assert {curve["width"] for curve in document["curves"]} == {32, 64, 128}


def test_a_recommendation_is_given_for_any_width(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    path = f"/v1/studies/{study_id}/recommendation"
    asked = served.client.get(path, params={"width": 512}).json()
    assert Recommendation.model_validate(asked).width == 512
    assert not asked["provisional"]
    hidden = next(group for group in asked["groups"] if group["role"] == "hidden")
    assert hidden["learning_rate_multiplier"] == pytest.approx(32 / 512)
    assert served.client.get(path).json()["width"] == 256


def test_a_recommendation_is_given_for_any_depth_batch_and_duration(
    finished: tuple[Served, str],
) -> None:
    served, study_id = finished
    path = f"/v1/studies/{study_id}/recommendation"
    target = {"width": 512, "depth": 4, "batch_size": 32, "tokens": 8192}
    asked = Recommendation.model_validate(served.client.get(path, params=target).json())
    assert asked.target.model_dump() == target | {"steps": 8, "tokens_given": True}
    assert asked.residual_multiplier == 0.25
    assert {axis.name: axis.basis for axis in asked.axes if axis.name != "width"} == {
        "depth": "theory",
        "batch": "empirical",
        "tokens": "empirical",
    }
    assert [name for tensor in asked.tensors for name in tensor.names] == [
        "embed.weight",
        *(f"blocks.{number}.weight" for number in range(4)),
        "readout.weight",
    ]
    assert asked.verdict == "caution"
    python = served.client.get(path, params=target | {"format": "python"}).text
    assert "block.residual_multiplier = 0.25" in python
    assert "depth 1 in the proxies, 4 in the target (depth_rule completep, alpha 1" in python


def test_a_recommendation_leaves_as_yaml_and_as_python(finished: tuple[Served, str]) -> None:
    served, study_id = finished
    path = f"/v1/studies/{study_id}/recommendation"
    as_json = served.client.get(path)
    as_yaml = served.client.get(path, params={"format": "yaml"})
    as_python = served.client.get(path, params={"format": "python"})
    assert yaml.safe_load(as_yaml.text) == json.loads(as_json.text)
    assert as_yaml.headers["content-type"] == "application/yaml"
    ast.parse(as_python.text)
    assert as_python.headers["content-type"].startswith("text/x-python")


@pytest.mark.parametrize(
    ("query", "pointer", "words"),
    [
        ({"width": 100}, "/width", "nearest legal width is 96"),
        ({"optimizer": "sgd"}, "/optimizer", "adamw"),
        ({"depth": 0}, "/depth", "greater than or equal to 1"),
        ({"batch_size": "many"}, "/batch_size", "must be a whole number"),
        ({"tokens": 10**19}, "/tokens", "less than or equal to 1000000000000000000"),
    ],
)
def test_a_target_that_the_study_cannot_speak_of_is_refused_with_those_it_can(
    finished: tuple[Served, str], query: dict[str, str], pointer: str, words: str
) -> None:
    served, study_id = finished
    response = served.client.get(f"/v1/studies/{study_id}/recommendation", params=query)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["in"], error["pointer"]) == ("query", pointer)
    assert words in error["detail"]


def test_a_study_without_evidence_says_that_it_is_not_ready(served: Served) -> None:
    study_id = served.submit()
    response = served.client.get(f"/v1/studies/{study_id}/recommendation")
    assert response.status_code == 409
    assert response.headers["retry-after"] == "5"
    assert response.json()["type"] == "urn:widthwise:problem:not-ready"
    document = served.client.get(f"/v1/studies/{study_id}/sensitivity").json()
    assert document["curves"] == document["transfer"] == document["standings"] == []
    (check,) = served.client.get(f"/v1/studies/{study_id}/coordinate-check").json()["checks"]
    assert check["status"] == "not_run"


def test_a_running_study_recommends_provisionally(served: Served) -> None:
    study_id = served.submit()
    served.advance(study_id, until=StudyState.MEASURING)
    study = served.client.get(f"/v1/studies/{study_id}").json()
    assert 0 < study["progress"]["fraction"] < 1
    assert study["progress"]["eta_seconds"] > 0
    recommendation = served.client.get(f"/v1/studies/{study_id}/recommendation").json()
    assert recommendation["provisional"]


def test_the_catalogue_lists_what_a_spec_can_name(finished: tuple[Served, str]) -> None:
    client = finished[0].client
    families = {at["name"]: at for at in client.get("/v1/families").json()["families"]}
    assert families.keys() == {"mlp", "gpt", "resnet", "vit", "unet", "dit", "gan", "external"}
    assert families["gpt"]["datasets"] == [
        "stdlib-text",
        "text-file",
        "token-file",
        "megatron-tokens",
        "huggingface-text",
        "huggingface-tokens",
    ]
    assert families["gpt"]["compared_by"]["name"] == "train loss"
    assert families["gan"]["compared_by"]["name"] == "Fréchet distance"
    assert "head_size" in families["gpt"]["options"]["properties"]
    optimizers = client.get("/v1/optimizers").json()["optimizers"]
    assert [at["name"] for at in optimizers] == list(STUDIED)
    assert all(at["description"] for at in optimizers)
    muon = next(at for at in optimizers if at["name"] == "muon_spectral")["options"]
    assert muon["properties"]["learning_rate_ratio"]["default"] == 1.0
    assert {at["name"] for at in client.get("/v1/datasets").json()["datasets"]} == {
        "stdlib-text",
        "digits",
        "noised-digits",
        "imitated-digits",
        "text-file",
        "token-file",
        "megatron-tokens",
        "image-folder",
        "npz-images",
        "npz-vectors",
        "huggingface-text",
        "huggingface-tokens",
        "own-batches",
        "external",
    }


def test_dynamics_are_served_by_optimizer_and_width_and_stand_in_the_answer(
    reviewed: tuple[Served, str],
) -> None:
    served, without = reviewed
    study_id = served.submit(dynamics={"looks": 3}, search={"trials": 4})
    before = served.client.get(f"/v1/studies/{study_id}/dynamics").json()
    assert before["asked"]["looks"] == 3
    assert before["optimizers"] == [{"optimizer": "adamw", "widths": [], "findings": None}]
    served.advance(study_id)
    (found,) = served.client.get(f"/v1/studies/{study_id}/dynamics").json()["optimizers"]
    assert [one["width"] for one in found["widths"]] == [32, 64, 128]
    assert found["widths"][0]["landscape"]["losses"][1] == [2.5, 2.0, None]
    answer = served.client.get(f"/v1/studies/{study_id}/recommendation").json()
    assert answer["dynamics"] == found["findings"]
    assert answer["dynamics"]["batch_size"] == 64
    with Client(served.address) as client:
        assert client.dynamics(without)["asked"] is None
