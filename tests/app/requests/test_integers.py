"""Every integer of the API's description: what is exactly one is taken, and nothing else is."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import TypeAdapter, ValidationError

from app.http.field_errors import field_errors
from app.http.json_requests import parsed_json
from app.main import routed_app
from tests.app.described import described
from tests.app.served import Served

SAME: Final = {"2": ("2.0", "2e0", "0.2E+1", "20.0e-1"), "0": ("-0", "-0.0", "0e9999999999")}
"""Ways to write an integer."""
NONE: Final = (
    *("true", "false", '"2"', '""', "2.5", "-2.5e-3", "1e400", "-1e400", "1e-400", "-1e-400"),
    *("2.00000000000000000001", "1.99999999999999999999", "9007199254740992.5", "NaN", "Infinity"),
)
"""JSON texts that are no integers; several of them round to one as floats."""
PLACE: Final = 987654321


class Integer(NamedTuple):
    """One integer of a body."""

    pointer: str
    document: str
    """The least that leads to it, with PLACE where it stands."""


def integers(
    schema: Mapping[str, Any],
    document: Callable[[Any], Any] = lambda value: value,
    pointer: str = "",
) -> Iterator[Integer]:
    """Every integer below a schema, with what tells a union's branches apart."""
    definitions = described()["components"]["schemas"]
    if "$ref" in schema:
        yield from integers(definitions[schema["$ref"].rpartition("/")[2]], document, pointer)
    for union in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(union, ()):
            yield from integers(branch, document, pointer)
    if schema.get("type") == "integer":
        yield Integer(pointer, json.dumps(document(PLACE)))
    fields = schema.get("properties", {})
    tags = {name: field["const"] for name, field in fields.items() if "const" in field}
    inner = {name: (field, partial_with(tags, name)) for name, field in fields.items()}
    if isinstance(schema.get("items"), Mapping):
        inner["0"] = (schema["items"], lambda value: [value])
    if isinstance(schema.get("additionalProperties"), Mapping):
        inner["adamw"] = (schema["additionalProperties"], partial_with({}, "adamw"))
    for name, (field, around) in inner.items():
        yield from integers(field, after(around, document), f"{pointer}/{name}")


def partial_with(tags: Mapping[str, Any], name: str) -> Callable[[Any], Any]:
    return lambda value: {**tags, name: value}


def after(first: Callable[[Any], Any], then: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: then(first(value))


def bodies() -> dict[str, tuple[Any, list[Integer]]]:
    """Type and integers of every kind of body, by the first operation that takes it."""
    routes = [one.route for one in iter_route_contexts(routed_app().routes)]
    types = {
        route.name: route.body_field.field_info.annotation
        for route in routes
        if isinstance(route, APIRoute) and route.body_field is not None
    }
    found: dict[Any, tuple[str, list[Integer]]] = {}
    for methods in described()["paths"].values():
        for operation in methods.values():
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                known = list(dict.fromkeys(integers(schema)))
                found.setdefault(types[operation["operationId"]], (operation["operationId"], known))
    return {name: (kind, known) for kind, (name, known) in found.items() if known}


BODIES: Final = bodies()


def refused(adapter: TypeAdapter[Any], one: Integer, written: str) -> set[tuple[str, str]]:
    """(Pointer, words) of what is wrong with a document; other fields may be missing."""
    body = parsed_json(one.document.replace(str(PLACE), written).encode())
    try:
        adapter.validate_python(body)
    except ValidationError as error:
        errors = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        return {(entry.pointer, entry.detail) for entry in field_errors(errors, body)}
    return set()


def test_every_kind_of_body_with_integers_is_tried() -> None:
    assert {"create_study", "edit_study", "post_coordinate_check", "lease_trial"} <= set(BODIES)
    assert sum(len(known) for _, known in BODIES.values()) > 1_000
    pointers = {one.pointer for _, known in BODIES.values() for one in known}
    assert {"/seed", "/family/shapes/tensors/0/base_shape/0", "/statistics/0/seed"} <= pointers


@pytest.mark.parametrize("name", BODIES)
def test_an_integer_may_be_written_as_any_number_that_is_exactly_it(name: str) -> None:
    kind, known = BODIES[name]
    adapter = TypeAdapter(kind)
    for one in known:
        for plain, others in SAME.items():
            expected = refused(adapter, one, plain)
            for written in others:
                assert refused(adapter, one, written) == expected, (one, written)


@pytest.mark.parametrize("name", BODIES)
def test_what_is_not_exactly_an_integer_is_refused_at_its_field(name: str) -> None:
    kind, known = BODIES[name]
    adapter = TypeAdapter(kind)
    for one in known:
        for written in NONE:
            found = {pointer for pointer, _ in refused(adapter, one, written)}
            assert any(f"{one.pointer}/".startswith(f"{at}/") for at in found), (one, written)


def queries() -> list[Any]:
    return [
        pytest.param(path, parameter["in"], parameter["name"], id=f"{path}?{parameter['name']}")
        for path, methods in described()["paths"].items()
        for parameter in methods.get("get", {}).get("parameters", ())
        if list(integers(parameter["schema"]))
    ]


@pytest.mark.parametrize(("path", "where", "name"), queries())
def test_what_is_not_exactly_an_integer_is_refused_as_a_parameter(
    finished: tuple[Served, str], path: str, where: str, name: str
) -> None:
    served, study_id = finished
    address = path.replace("{study_id}", study_id).replace("{recommendation_id}", "rec_1")
    for written in (*NONE, "two"):
        given: dict[str, Any] = {"params" if where == "query" else "headers": {name: written}}
        answer = served.client.get(address, **given)
        assert answer.status_code == 422, (written, answer.text)
        pointers = [one["pointer"] for one in answer.json()["errors"]]
        assert any(f"{one}/".startswith(f"/{name}/") for one in pointers), (written, pointers)


def test_a_seed_that_only_rounds_to_an_integer_is_refused_in_words(untouched: Served) -> None:
    body = '{"family": {"name": "mlp"}, "target": {"width": 512}, "seed": 1e-400}'
    header = {"content-type": "application/json"}
    answer = untouched.client.post("/v1/studies:preview", content=body, headers=header)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], error["code"]) == (422, "/seed", "type")
    assert error["detail"] == "must be a whole number, not 1e-400"
