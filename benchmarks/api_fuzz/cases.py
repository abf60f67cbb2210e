"""Send generated requests to every operation as one sender, and keep what is wrong with answers."""

import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from benchmarks.api_fuzz.judged import Got, Sent, findings
from benchmarks.api_fuzz.prepared import HIDDEN, Ids, Prepared, Sender, seen_by_hidden, served_copy
from tests.app.served import Served

Case = schemathesis.Case[Any]
Operation = Any  # schemathesis keeps its type to itself
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ENDLESS: Final = "/events$"
_MODES: Final = ((GenerationMode.POSITIVE, 0.7), (GenerationMode.NEGATIVE, 0.3))
_NAMED: Final = re.compile(r"'[^']*'|/\d+|\w+_[0-9a-f]{16}")
"""Names and numbers, in which failures of one kind differ."""
_TIMEOUT_SECONDS: Final = 60
_LONGEST: Final = 600  # characters of a finding


class _Tried:
    """The requests of one sender, and their faults."""

    def __init__(self, served: Served, made: Prepared, sender: Sender, number: int) -> None:
        self.cases = 0
        self.statuses: Counter[int] = Counter()
        self.failures: dict[tuple[str, str], dict[str, str]] = {}
        self._served, self._made, self._sender = served, made, sender
        self._drawn = random.Random(number)
        self._deleted: set[object] = set()
        """Ids that lead to nothing any more."""
        self._session = requests.Session()

    def run(self, cases: int, number: int) -> None:
        """Send at least so many cases, evenly many to each operation that has as many."""
        before = seen_by_hidden(self._served, self._made.others)
        operations = _operations(self._made.described)
        with self._session:
            while self.cases < cases and operations:
                each = max(1, -(-(cases - self.cases) // len(operations)))
                operations = [
                    one for one in operations if self._try(one, min(each, 200), number) >= each // 2
                ]
                number += 1
        if seen_by_hidden(self._served, self._made.others) != before:
            self._fail("every operation", "the hidden owner's studies have changed", "")

    def _try(self, operation: Operation, cases: int, number: int) -> int:
        """Send cases of one operation; how many there were."""
        before = self.cases
        for mode, share in _MODES:
            strategy = operation.as_strategy(generation_mode=mode)
            _send(strategy, self._one, round(cases * share) or 1, number)
        return self.cases - before

    def _one(self, case: Case) -> None:
        self.cases += 1
        label = case.operation.label
        sent = self._addressed(case)
        try:
            response = case.call(
                base_url=self._served.address,
                session=self._session,
                headers=self._sender.headers,
                timeout=_TIMEOUT_SECONDS,
            )
        except requests.RequestException as error:
            self._fail(label, f"no answer: {type(error).__name__}", _told(case))
            return
        self.statuses[response.status_code] += 1
        media_type = (response.headers.get("content-type") or [""])[0]
        got = Got(response.status_code, media_type, response.text)
        if sent.method == "DELETE" and got.status < 400:
            self._deleted |= set(case.path_parameters.values())
        for words in findings(sent, got, self._sender.scopes, HIDDEN):
            self._fail(label, words, _told(case))
        for words in _broken(case, response):
            self._fail(label, words, _told(case))

    def _addressed(self, case: Case) -> Sent:
        """Give the case ids that there are, of both owners, or leave it as it was generated."""
        chosen: list[Ids | None] = []
        others = self._made.others.ids
        for name in case.path_parameters:
            whose = self._drawn.choice((self._sender.ids, self._sender.ids, others, None))
            ids = () if whose is None else whose.get(name, ())
            chosen.append(whose if ids else None)
            if ids:
                case.path_parameters[name] = self._drawn.choice(ids)
        if "ids" in case.query:
            whose = self._drawn.choice((self._sender.ids, others, None))
            chosen.append(whose)
            if whose is not None:
                case.query["ids"] = [",".join(whose["study_id"])]
        study = case.path_parameters.get("study_id")
        is_of_study = len(case.path_parameters) < 2 or study == self._sender.ids["study_id"][0]
        is_there = self._deleted.isdisjoint(case.path_parameters.values())
        return Sent(
            method=case.method.upper(),
            path=case.formatted_path,
            is_valid=case.meta is not None and case.meta.generation.mode.is_positive,
            are_ids_own=is_of_study
            and is_there
            and all(whose is self._sender.ids for whose in chosen),
            names_hidden=any(whose is others for whose in chosen),
            names_accept=any(name.lower() == "accept" for name in case.headers),
            names_prior=isinstance(case.body, dict) and bool(case.body.get("prior")),
        )

    def _fail(self, operation: str, words: str, request: str) -> None:
        """Keep the first of each kind of failure."""
        self.failures.setdefault(
            (operation, _NAMED.sub("", words.splitlines()[0])[:120]),
            {
                "sender": self._sender.name,
                "operation": operation,
                "failure": words[:_LONGEST],
                "request": request,
            },
        )


@cache
def _operations(described: str) -> list[Operation]:
    """All that end. Their keys are left out, which schemathesis would make up."""
    document = json.loads(described)
    for operations in document["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)
    schema = schemathesis.openapi.from_dict(document).exclude(path_regex=ENDLESS)
    return [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]


def _send(strategy: Any, send: Callable[[Case], None], cases: int, number: int) -> None:  # noqa: ANN401
    @seed(number)
    @settings(
        max_examples=cases,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def each(case: Case) -> None:
        send(case)

    try:
        each()
    except Unsatisfiable:
        return  # an operation without parameters has no invalid requests


def _broken(case: Case, response: Any) -> Iterator[str]:  # noqa: ANN401  schemathesis's own
    try:
        case.validate_response(response, checks=CHECKS)
    except FailureGroup as group:
        yield from (f"{one.title}: {one.message}" for one in group.exceptions)
    except Failure as one:
        yield f"{one.title}: {one.message}"


def _told(case: Case) -> str:
    return case.as_curl_command()[:_LONGEST]


def tried(made: Prepared, number: int, work: tuple[Sender, int]) -> dict[str, Any]:
    """Send one sender's cases to a service of its own."""
    sender, cases = work
    with tempfile.TemporaryDirectory() as folder, served_copy(made, Path(folder)) as served:
        found = _Tried(served, made, sender, number)
        found.run(cases, number)
    return {
        "sender": sender.name,
        "cases": found.cases,
        "statuses": dict(sorted(found.statuses.items())),
        "failures": list(found.failures.values()),
    }
