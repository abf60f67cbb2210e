"""Coordinate checks that owners post of their own models, in whatever pieces and order."""

from itertools import product
from typing import Any

import pytest

from tests.app.coordinated import Coordinated
from tests.app.served import Served
from tests.tuner.analytic_engine import SHAPE
from tests.tuner.own_trainer import SHAPES

WIDTHS = (32, 64, 128)


def to_be_checked(served: Served) -> Coordinated:
    family = {"name": "external", "shapes": SHAPES, "check": "posted"}
    return Coordinated(served, family=family, check={"widths": WIDTHS})


def test_a_study_waits_for_the_statistics_of_its_check(served: Served) -> None:
    study = to_be_checked(served)
    study.ask()
    study.turn(4)
    assert study.state()["state"] == "checking"
    path = f"/v1/studies/{study.study}/coordinate-check"
    wrong = study.client.post(path, json={"optimizer": "sgd", "statistics": [statistic(32, 0)]})
    assert [error["pointer"] for error in wrong.json()["errors"]] == ["/optimizer"]
    for width, seed in product(WIDTHS, range(4)):
        names = [tensor.name for tensor in SHAPE.tensors]
        for some in (names[:2], names[2:]):
            statistics = [statistic(width, seed, tensor=name) for name in some]
            body = {"optimizer": "adamw", "statistics": statistics}
            assert study.state()["state"] == "checking"
            assert study.client.post(path, json=body).status_code == 204
            study.turn(2)
    assert study.state()["state"] in ("searching", "failed")
    (check,) = study.client.get(path).json()["checks"]
    assert check["status"] != "not_run"


def statistic(
    width: int, seed: int, tensor: str = "embed.weight", grows: float = 0.0
) -> dict[str, Any]:
    rms = 0.01 * (1 + 0.001 * seed)
    scale = width**-0.5 if tensor == "readout.weight" else 1.0
    return {
        "tensor": tensor,
        "width": width,
        "seed": seed,
        "update_rms": rms * width**grows,
        "propagation_rms": None if tensor == "model output" else rms * scale,
    }


BY_ORDER: dict[str, Any] = {
    "tensor by tensor": lambda one: one["tensor"] != "model output" and one["tensor"],
    "width by width": lambda one: one["width"],
    "seed by seed": lambda one: one["seed"],
    "at once": lambda _: None,
}


@pytest.mark.parametrize("wrong", ["", "readout.weight", "model output"])
@pytest.mark.parametrize("order", BY_ORDER)
def test_a_posted_check_has_the_same_verdict_however_it_is_sent(
    served: Served, order: str, wrong: str
) -> None:
    study = to_be_checked(served)
    study.turn(2)
    path = f"/v1/studies/{study.study}/coordinate-check"
    names = ["model output", *(tensor.name for tensor in SHAPE.tensors)]
    every = [
        statistic(width, seed, name, grows=float(name == wrong))
        for name, width, seed in product(names, WIDTHS, range(4))
    ]
    part = BY_ORDER[order]
    for key in dict.fromkeys(map(part, every)):
        assert study.state()["state"] == "checking"
        body = {"optimizer": "adamw", "statistics": [one for one in every if part(one) == key]}
        assert study.client.post(path, json=body).status_code == 204
        study.turn(2)
    assert study.state()["state"] == ("failed" if wrong else "searching")
    (check,) = study.client.get(path).json()["checks"]
    assert (check["status"], wrong in check["summary"]) == ("failed" if wrong else "passed", True)


def test_a_check_that_is_whole_takes_nothing_new_and_what_it_has_again(served: Served) -> None:
    study = to_be_checked(served)
    path = f"/v1/studies/{study.study}/coordinate-check"
    names = [tensor.name for tensor in SHAPE.tensors]
    every = [statistic(*at) for at in product(WIDTHS, range(4), names)]
    late = [statistic(32, 0, "model output")]
    for sent, status in ((every, 204), (every[:5], 204), (late, 409), (every, 204)):
        answer = study.client.post(path, json={"optimizer": "adamw", "statistics": sent})
        assert answer.status_code == status, answer.text
    assert not any("output" in one["tensor"] for one in checked(study)["tensors"])


def checked(study: Coordinated) -> dict[str, Any]:
    found: list[dict[str, Any]]
    found = study.client.get(f"/v1/studies/{study.study}/coordinate-check").json()["checks"]
    return found[0]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("width", 96, "96 is not checked: the study's widths are 32, 64, 128"),
        ("tensor", "embed", "'embed' is no tensor of the study's shapes"),
    ],
)
def test_a_statistic_that_the_check_has_no_place_for_is_refused(
    served: Served, field: str, value: object, words: str
) -> None:
    study = to_be_checked(served)
    sent = [statistic(32, 0), statistic(32, 0) | {field: value}]
    body = {"optimizer": "adamw", "statistics": sent}
    answer = study.client.post(f"/v1/studies/{study.study}/coordinate-check", json=body)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, f"/statistics/1/{field}")
    assert error["detail"].startswith(words)
