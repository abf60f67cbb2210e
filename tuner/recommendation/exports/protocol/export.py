"""Declare an export: a recommendation in the form of one framework, and back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.values import TensorValues

Files: TypeAlias = Mapping[str, str]
"""Texts by file name."""
Factor: TypeAlias = Callable[[int], float]
"""On every peak learning rate, by the number of the update from 0."""


class Refused(ValueError):
    """A framework cannot train the recommendation; the text has the reason and an alternative."""


@dataclass(frozen=True, slots=True)
class Inexpressible:
    """A number that a framework's files cannot express.

    Attributes:
        what: the number that is lost.
        consequence: the effect on training, and the remedy.

    """

    what: str
    consequence: str


@dataclass(frozen=True, slots=True)
class TensorReading:
    """Numbers that a framework would train one tensor with; None where its files set none.

    Attributes:
        learning_rate: peak, effective after all that the framework multiplies.
        weight_decay: as torch takes it, to be multiplied by the rate.
        init_std: of a zero-mean draw.
        multiplier: on the layer's output in the forward pass.

    """

    learning_rate: float
    weight_decay: float | None = None
    epsilon: float | None = None
    init_std: float | None = None
    multiplier: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The training that a framework derives from an export's files.

    Attributes:
        of: of the tensor that the framework calls so.
        factor: the schedule; None where the files leave it to the reader's own loop.
        residual_multiplier: on every residual branch; None where the files say nothing of it.

    Raises:
        LookupError: from `of`, for a name that no pattern claims.

    """

    of: Callable[[str], TensorReading]
    factor: Factor | None = None
    residual_multiplier: float | None = None


Render: TypeAlias = Callable[[RecommendationDocument], Files]
Numbers: TypeAlias = Callable[[RecommendationDocument], tuple[TensorValues, ...]]


def own_numbers(document: RecommendationDocument) -> tuple[TensorValues, ...]:
    """The recommendation's numbers by the study's own names."""
    return document.tensors


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One form.

    Attributes:
        name: as `format=` names it, in lower case with hyphens.
        words: description for the catalogue.
        media_type: of a form of one file.
        render: files by name. Raises `Refused` where the framework cannot train what is
            recommended.
        inexpressible: the numbers that the files leave out. Raises as `render` does.
        read: the files back as the framework reads them, by its documented formula.
        numbers: the numbers that have to come back, by the framework's names and convention.
        aliases: other names of the form.

    """

    name: str
    words: str
    media_type: str
    render: Render
    inexpressible: Callable[[RecommendationDocument], tuple[Inexpressible, ...]]
    read: Callable[[Files], Reading]
    numbers: Numbers = own_numbers
    aliases: tuple[str, ...] = ()
