"""Requests that cannot be served are answered with what to change, and leave nothing behind."""

import json
from typing import Any

import httpx
import pytest

from app.http.problems import PROBLEM_JSON
from tests.app.served import Served

JSON = {"content-type": "application/json"}
MLP = {"family": {"name": "mlp"}, "target": {"width": 512}}
GPT = {"family": {"name": "gpt"}, "target": {"width": 512}}


@pytest.fixture
def client(untouched: Served) -> httpx.Client:
    return untouched.client


def with_optimizer(**fields: Any) -> dict[str, Any]:  # noqa: ANN401  parts of a specification
    return MLP | {"optimizers": [{"name": "adamw", **fields}]}


def rate(low: float, high: float, **fields: object) -> dict[str, Any]:
    return with_optimizer(learning_rate={"low": low, "high": high, "log": True, **fields})


BAD_SPECS = [
    pytest.param(MLP | {"family": {"name": "rnn"}}, "/family/name", "mlp, gpt", id="family"),
    pytest.param(MLP | {"family": {}}, "/family/name", "required", id="family unnamed"),
    pytest.param(MLP | {"family": "mlp"}, "/family", "JSON object", id="family as text"),
    pytest.param({"family": {"name": "mlp"}}, "/target", "required", id="no target"),
    pytest.param(MLP | {"target": {}}, "/target/width", "required", id="no width"),
    pytest.param(
        GPT | {"target": {"width": 500}}, "/target/width", "legal width is 496", id="head size"
    ),
    pytest.param(
        GPT | {"family": {"name": "gpt", "fixed_kv_heads": 2, "query_heads_per_kv_head": 2}},
        "/family/fixed_kv_heads",
        "both say how many key and value heads",
        id="two kinds of grouped attention",
    ),
    pytest.param(
        MLP | {"family": {"name": "unet"}, "optimizers": [{"name": "kfac"}]},
        "/optimizers/0/name",
        "kfac cannot train a unet: its transposed convolutions",
        id="optimizer that the family refuses",
    ),
    pytest.param(rate(-0.1, 0.1), "/optimizers/0/learning_rate", "low > 0", id="negative rate"),
    pytest.param(
        with_optimizer(learning_rate=0.01),
        "/optimizers/0/learning_rate",
        'a range around 0.01, such as {"low": 0.000625, "high": 0.16, "log": true}',
        id="one rate",
    ),
    pytest.param(rate(0.1, 0.1), "/optimizers/0/learning_rate", "empty range", id="empty range"),
    pytest.param(rate(0.1, 0.01), "/optimizers/0/learning_rate", "empty range", id="backwards"),
    pytest.param(
        MLP | {"target": {"width": 32}, "proxy_width": 64},
        "/target/width",
        "narrower than the proxy's 64",
        id="target narrower than the proxy",
    ),
    pytest.param(
        MLP | {"target": {"width": 512, "depth": 12}},
        "/target/depth",
        "its layers are no residual blocks; use 3",
        id="depth of a family without blocks",
    ),
    pytest.param(
        MLP | {"target": {"width": 512, "steps": 10, "tokens": 10}},
        "/target/steps",
        "leave steps or tokens out",
        id="steps and tokens",
    ),
    pytest.param(
        MLP | {"policies": {"weight_decay_rule": "wd-z"}},
        "/policies/weight_decay_rule",
        "'wd-z' is none of 'wd-a', 'wd-b', 'wd-c' or 'wd-d': use one of them",
        id="unknown policy",
    ),
    pytest.param(
        MLP | {"policies": "wd-a"}, "/policies", "must be a JSON object", id="rules as text"
    ),
    pytest.param(
        MLP | {"training": {"schedule": {"warmup": 0.1}}},
        "/training/schedule/warmup",
        "unknown field",
        id="unknown part of a schedule",
    ),
    pytest.param(
        MLP | {"training": {"schedule": {"warmup_fraction": True}}},
        "/training/schedule/warmup_fraction",
        "must be a number, not true",
        id="true in a schedule",
    ),
    pytest.param(
        MLP | {"training": {"schedule": {"warmup_fraction": 1}}},
        "/training/schedule/warmup_fraction",
        "less than 1",
        id="all of training to warm up",
    ),
    pytest.param(
        MLP | {"training": {"schedule": {"shape": "steps"}}},
        "/training/schedule/shape",
        "'wsd_sqrt', 'cosine_restarts'",
        id="unknown schedule",
    ),
    pytest.param(
        MLP | {"training": {"schedule": {"shape": "polynomial", "numbers": {"power": 0}}}},
        "/training/schedule",
        "power must be from 0.01 to 20, got 0",
        id="number of a schedule out of range",
    ),
    pytest.param(
        MLP | {"training": {"schedule": {"shape": "polynomial", "numbers": {"power": True}}}},
        "/training/schedule/numbers/power",
        "must be a number, not true",
        id="true as a number of a schedule",
    ),
    pytest.param(
        MLP | {"policies": {"weight_decay": "wd-a"}},
        "/policies/weight_decay",
        "unknown field",
        id="unknown rule",
    ),
    pytest.param(MLP | {"policies": {"alpha": 0.3}}, "/policies/alpha", "equal to 0.5", id="alpha"),
    pytest.param(MLP | {"tagret": 1}, "/tagret", "unknown field", id="unknown field"),
    pytest.param(
        MLP | {"family": {"name": "mlp", "layers": 2}},
        "/family/layers",
        "unknown field",
        id="unknown field of a family",
    ),
    pytest.param(rate(0.1, 1, lo=1), "/optimizers/0/learning_rate/lo", "unknown", id="nested"),
    pytest.param(MLP | {"optimizers": []}, "/optimizers", "at least 1", id="no optimizer"),
    pytest.param(with_optimizer(beta1=1.5), "/optimizers/0/beta1", "less than 1", id="beta"),
    pytest.param(with_optimizer(beta1="x"), "/optimizers/0/beta1", "number", id="text"),
    pytest.param(
        with_optimizer(init_std={"type": "float", "low": 2, "high": 1}),
        "/optimizers/0/init_std",
        "empty range",
        id="empty distribution",
    ),
    pytest.param(
        with_optimizer(init_std={"type": "normal"}),
        "/optimizers/0/init_std/type",
        "float, int, categorical",
        id="unknown distribution",
    ),
    pytest.param(MLP | {"target": {"width": 10**400}}, "/target/width", "1048576", id="huge"),
    pytest.param(GPT | {"dataset": {"name": "digits"}}, "/dataset/name", "stdlib", id="dataset"),
    pytest.param(
        MLP | {"measure": {"widths": [64, 64, 128]}},
        "/measure/widths",
        "three different",
        id="too few widths",
    ),
    pytest.param([MLP], "", "JSON object", id="a list"),
    pytest.param("x", "", "JSON object", id="a text"),
]


@pytest.mark.parametrize(("spec", "pointer", "words"), BAD_SPECS)
def test_a_bad_spec_is_refused_at_the_field_to_change(
    client: httpx.Client, spec: object, pointer: str, words: str
) -> None:
    response = client.post("/v1/studies", json=spec)
    assert response.status_code == 422
    assert response.headers["content-type"] == PROBLEM_JSON
    (error,) = response.json()["errors"]
    assert (error["in"], error["pointer"]) == ("body", pointer)
    assert words in error["detail"]
    assert nothing_is_stored(client)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ["target.width", "optimizers.0.epsilon", "search.trials"])
def test_a_number_that_is_none_is_refused_and_not_repeated(
    client: httpx.Client, value: str, field: str
) -> None:
    body = json.dumps(MLP | nested(field.split("."), "HERE")).replace('"HERE"', value)
    response = client.post("/v1/studies", content=body, headers=JSON)
    assert response.status_code == 422
    pointers = {error["pointer"] for error in response.json()["errors"]}
    assert pointers == {"/" + field.replace(".", "/")}
    json.loads(response.text, parse_constant=pytest.fail)
    assert nothing_is_stored(client)


UNREADABLE = [
    pytest.param(b"", JSON, 422, "required", id="empty"),
    pytest.param(b'{"family": ', JSON, 400, "line 1, column 12", id="cut off"),
    pytest.param(b"{'a': 1}", JSON, 400, "not JSON", id="python"),
    pytest.param(b'{"a": "\xff"}', JSON, 400, "UTF-8", id="latin-1"),
    pytest.param(b"[" * 200_000, JSON, 400, "nested", id="deep"),
    pytest.param(b'{"a": ' + b"9" * 5_000 + b"}", JSON, 400, "too long", id="long number"),
    pytest.param(b'{"seed": 1, "seed": 2}', JSON, 400, "'seed' twice", id="twice"),
    pytest.param(b"{}", {"content-type": "text/plain"}, 415, "application/json", id="text"),
    pytest.param(b"{}", {}, 415, "application/json", id="untyped"),
    pytest.param(b"a: 1", {"content-type": "application/yaml"}, 415, "JSON", id="yaml"),
    pytest.param(b'"' + b"x" * 10_000_000 + b'"', JSON, 413, "1,000,000 bytes", id="10 MB"),
]


@pytest.mark.parametrize(("body", "headers", "status", "words"), UNREADABLE)
def test_a_body_that_cannot_be_read_is_refused_with_the_reason(
    client: httpx.Client, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    response = client.post("/v1/studies", content=body, headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM_JSON
    assert words in response.json()["detail"]
    assert nothing_is_stored(client)


def test_a_body_without_a_declared_length_is_stopped_at_the_limit(client: httpx.Client) -> None:
    response = client.post("/v1/studies", content=iter([b"x" * 300_000] * 8), headers=JSON)
    assert response.status_code == 413
    assert nothing_is_stored(client)


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/studies?page_size=0", "/page_size"),
        ("/v1/studies?state=asleep", "/state/0"),
        ("/v1/studies?page_token=nonsense", "/page_token"),
        ("/v1/studies/std_%00", "/study_id"),
        ("/v1/studies/std_1/curves?number=-1", "/number/0"),
        ("/v1/studies/std_1/recommendation?width=0", "/width"),
        ("/v1/studies/std_1/recommendation?format=xml", "/format"),
    ],
)
def test_a_bad_parameter_is_named(client: httpx.Client, path: str, pointer: str) -> None:
    response = client.get(path)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def nested(path: list[str], value: object) -> dict[str, Any]:
    """A specification's part with one value somewhere inside."""
    first, *rest = path
    if first == "optimizers":
        return {"optimizers": [{"name": "adamw", rest[1]: value}]}
    return {first: {rest[0]: value}}


def nothing_is_stored(client: httpx.Client) -> bool:
    return bool(client.get("/v1/studies").json()["studies"] == [])


def test_a_byte_order_mark_before_a_body_is_no_part_of_it(client: httpx.Client) -> None:
    """As PowerShell and some editors write it."""
    body = json.dumps(MLP | {"name": "מחקר"}, ensure_ascii=False).encode("utf-8-sig")
    answered = client.post("/v1/studies:preview", content=body, headers=JSON)
    assert answered.status_code == 200, answered.text
    assert answered.json()["spec"]["name"] == "מחקר"
