"""Read and write the JSON documents of a study, each with the number of its format.

A document of an older format is upgraded when it is read, and stored in the newest one when it is
next written. Fields that are not known are left out: a newer release may add some to a format that
this one reads as well. docs/contributing.md says what to do when one of the records changes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from parametrization.recommendation.dynamics import StudyDynamics
from parametrization.shapes.older_tensors import completed_tensor
from parametrization.shapes.roles import ModelShape
from tuner.engine.checkpoints import checkpoint_uri
from tuner.engine.orders import AnyOrder, Order
from tuner.engine.packing import Packing
from tuner.records.errors import DocumentUnreadable
from tuner.spec.study import StudySpec
from tuner.spec.submitted import STORED

Json = dict[str, Any]
Upgrader = Callable[[Json], Json]
Stored = TypeVar("Stored")

FORMAT: Final = "format"
_SHOWN_ERRORS: Final = 3
_UNKNOWN_NAMES: Final = frozenset({"union_tag_invalid", "literal_error", "enum"})
_DEFECTS: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""Exceptions that upgraders and validators raise on a document that no release has written."""


@dataclass(frozen=True)
class DocumentKind(Generic[Stored]):
    """A record that is stored as JSON.

    Attributes:
        name: what it is called where it cannot be read.
        adapter: its fields as this release knows them.
        upgraders: make a document of format 1 one of format 2, of format 2 one of format 3, and
            so on. A document without a number is of format 1.

    """

    name: str
    adapter: TypeAdapter[Stored]
    upgraders: tuple[Upgrader, ...]

    @property
    def format(self) -> int:
        """The format that this release writes, and the newest that it reads."""
        return len(self.upgraders) + 1

    def write(self, record: Stored) -> Json:
        """The document to store."""
        document: Json = self.adapter.dump_python(record, mode="json")
        return {FORMAT: self.format} | document

    def read(self, stored: object) -> Stored:
        """The record of a stored document of this format or an older one.

        Raises:
            DocumentUnreadable: if there is none, with the reason and what to do about it.

        """
        if not isinstance(stored, dict):
            raise self._unreadable("it is not a JSON object: restore it from a backup")
        document = dict(stored)
        found = document.pop(FORMAT, 1)
        if type(found) is not int or found < 1:
            raise self._unreadable(f"its format is {found!r:.40}: restore it from a backup")
        if found > self.format:
            raise self._unreadable(
                f"a newer release wrote it in format {found}, and this one reads formats up to"
                f" {self.format}: upgrade Widthwise"
            )
        try:
            for upgrade in self.upgraders[found - 1 :]:
                document = upgrade(document)
            return self.adapter.validate_python(document, extra="ignore", context=STORED)
        except ValidationError as error:
            raise self._unreadable(what_is_wrong(error, document)) from error
        except _DEFECTS as error:
            words = f"{type(error).__name__}: {error}"
            raise self._unreadable(f"{words:.200}: restore it from a backup") from error

    def _unreadable(self, reason: str) -> DocumentUnreadable:
        return DocumentUnreadable(f"its {self.name} cannot be read: {reason}")


def what_is_wrong(error: ValidationError, document: object) -> str:
    """Say which fields of a document are wrong, and what to do about it."""
    errors = error.errors(include_url=False)
    unknown = [one for one in errors if one["type"] in _UNKNOWN_NAMES]
    shown = unknown or errors  # what else is wrong may follow from a name that is not known
    words = [_words(one, document) for one in shown[:_SHOWN_ERRORS]]
    if len(shown) > len(words):
        words.append(f"and {len(shown) - len(words)} more")
    remedy = "install the release or plugin that has it" if unknown else "correct it"
    return f"{'; '.join(words)}: {remedy}"


def _words(error: ErrorDetails, document: object) -> str:
    pointer = _pointer(error["loc"], document)
    if error["type"] in _UNKNOWN_NAMES:
        name = error.get("ctx", {}).get("tag", error["input"])
        return f"{pointer} names {name!r:.80}, which is not known here"
    return f"{pointer}: {error['msg']:.200}".removeprefix(": ")


def _pointer(location: Iterable[str | int], document: object) -> str:
    """JSON pointer to a place that pydantic names, without the tags of unions that it adds."""
    parts, here = [], document
    *path, last = location or ("",)
    for part in path:
        try:
            here = here[part]  # type: ignore[index]  # whatever is stored there
        except (LookupError, TypeError):
            continue
        parts.append(part)
    return "/".join(map(str, ["", *parts, last])).rstrip("/")


# Format 1 is what releases stored before documents had a number.


def _unchanged(document: Json) -> Json:
    """Format 2 of a document that only gained its number."""
    return document


def _say_what_was_not_said(spec: Json) -> Json:
    """Format 2 of a specification.

    Specifications older than `packing` trained their trials one by one, measured every width on one
    grid, and did not confirm the search's result. They do not say if the target's duration was
    given: it counts as given unless it equals that of the proxies.
    """
    target, training = spec.get("target", {}), spec.get("training", {})
    proxies = (training.get("steps"), training.get("batch_size"))
    given = (target.get("steps"), target.get("batch_size")) != proxies
    has_duration = "tokens" in target or "steps" in target
    if "tokens_given" not in target and has_duration:
        target = target | {"tokens_given": given}
    return (
        {"packing": "solo"}
        | spec
        | {"search": {"confirm": False} | (spec.get("search") or {})}
        | {"measure": {"plan": "grid"} | (spec.get("measure") or {})}
        | ({"target": target} if target else {})
        | _check_by_optimizer(spec)
    )


def _check_by_optimizer(spec: Json) -> Json:
    """The coordinate check with its seeds by optimizer, where they were one number for all."""
    check = spec.get("check") or {}
    if not isinstance(check.get("seeds"), int):
        return {}
    names = [config["name"] for config in spec.get("optimizers", [])]
    return {"check": check | {"seeds": dict.fromkeys(names, check["seeds"])}}


def _say_what_axes_are(shape: Json) -> Json:
    """Format 3 of a model shape: it tells which tensors are lookup tables, which axes stacks."""
    return shape | {"tensors": [completed_tensor(tensor) for tensor in shape["tensors"]]}


def _name_uris_and_devices(order: Json) -> Json:
    """Format 2 of an order: checkpoints have a URI, and probes name the device they are for."""
    if order.get("kind") == "probe":
        return {"device_kind": "cpu"} | order
    if order.get("kind") != "train":
        return order
    return order | {"trials": [_started_by_uri(trial) for trial in order["trials"]]}


def _started_by_uri(trial: Json) -> Json:
    start = trial.get("start")
    if start is None or "path" not in start:
        return trial
    return trial | {"start": {"step": start["step"], "uri": checkpoint_uri(start["path"])}}


def _key_by_device(packings: Json) -> Json:
    """Format 2 of packings: every key ends with the kind of device."""
    keyed = {key: packing for key, packing in packings.items() if key.count("/") == 2}
    others = {
        f"{key}/{packing['device']}": packing
        for key, packing in packings.items()
        if key not in keyed
    }
    return others | keyed  # where both are there, the keyed one is the newer


SPEC: Final = DocumentKind("specification", TypeAdapter(StudySpec), (_say_what_was_not_said,))
SHAPE: Final = DocumentKind(
    "model shape", TypeAdapter(ModelShape), (_unchanged, _say_what_axes_are)
)
ORDER: Final[DocumentKind[AnyOrder]] = DocumentKind(
    "payload", TypeAdapter(Order), (_name_uris_and_devices,)
)
PACKINGS: Final = DocumentKind("packings", TypeAdapter(dict[str, Packing]), (_key_by_device,))
DYNAMICS: Final = DocumentKind("dynamics", TypeAdapter(StudyDynamics), ())
KINDS: Final = (SPEC, SHAPE, ORDER, PACKINGS, DYNAMICS)
