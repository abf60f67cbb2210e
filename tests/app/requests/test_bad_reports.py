"""Bad requests for leases, and bad reports: refused with the field, and nothing changes."""

from typing import Any

import pytest

from tests.app.coordinated import Coordinated
from tests.app.served import Served
from tests.tuner.own_trainer import SHAPES, report


@pytest.fixture
def study(served: Served) -> Coordinated:
    return Coordinated(served)


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        ({"step": 9, "train_loss": [1.0] * 9}, "/step", "beyond the trial's last step, 8"),
        ({"step": 5, "train_loss": [1.0, 2.0]}, "/train_loss", "cannot stand for equally many"),
        ({"step": 2, "train_loss": []}, "/train_loss", "required: the losses of updates 1 to 2"),
        ({"step": 2, "train_loss": [1.0, -1.0]}, "/train_loss", "-1 is negative"),
        ({"step": -1}, "/step", "greater than or equal to 0"),
        ({"step": "2"}, "/step", "must be a number, not text"),
        ({"step": True}, "/step", "must be a number, not true"),
        ({"train_loss": ["low"]}, "/train_loss/0", "must be a number, not text"),
        ({"train_loss": 3.0}, "/train_loss", "must be a JSON array"),
        ({"attempt": 0}, "/attempt", "greater than or equal to 1"),
        ({"loss": 3.0}, "/loss", "unknown field"),
        ({"checkpoint": 7}, "/checkpoint", "valid string"),
    ],
)
def test_a_bad_report_is_refused_with_the_field_and_changes_nothing(
    study: Coordinated, fields: dict[str, Any], pointer: str, words: str
) -> None:
    lease = study.lease()
    answer = study.report(lease, report(lease, 1, [2.0]) | fields)
    assert answer.status_code == 422, answer.text
    errors = answer.json()["errors"]
    assert pointer in [error["pointer"] for error in errors]
    assert any(words in error["detail"] for error in errors), errors
    assert study.report(lease, report(lease, 0, [])).json()["step"] == 0


def test_a_name_given_twice_is_refused_in_a_plain_report_too(study: Coordinated) -> None:
    lease = study.lease()
    answer = study.report(lease, b'{"attempt": 1, "attempt": 1, "step": 1, "train_loss": [2.0]}')
    assert answer.status_code == 400
    assert "twice" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/worker"),
        ({"worker": ""}, "/worker"),
        ({"worker": "x" * 121}, "/worker"),
        ({"worker": "a\u202eb"}, "/worker"),
        ({"worker": "a", "ttl_seconds": 0}, "/ttl_seconds"),
        ({"worker": "a", "ttl_seconds": 86_401}, "/ttl_seconds"),
        ({"worker": "a", "ttl": 5}, "/ttl"),
    ],
)
def test_a_bad_request_for_a_lease_is_refused_with_the_field(
    study: Coordinated, body: dict[str, Any], pointer: str
) -> None:
    answer = study.client.post(f"/v1/studies/{study.study}:lease", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 2**80),
        ("width", 0),
        ("seed", 2**80),
        ("seed", -1),
        ("tensor", ""),
        ("tensor", "\x02"),
    ],
)
def test_a_statistic_that_there_cannot_be_is_refused_with_its_field(
    served: Served, field: str, value: object
) -> None:
    study = Coordinated(served, family={"name": "external", "shapes": SHAPES, "check": "posted"})
    one = {"tensor": "w", "width": 32, "seed": 0, "update_rms": 1.0, "propagation_rms": None}
    path = f"/v1/studies/{study.study}/coordinate-check"
    body = {"optimizer": "adamw", "statistics": [one | {field: value}]}
    answer = study.client.post(path, json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/statistics/0/{field}"]
