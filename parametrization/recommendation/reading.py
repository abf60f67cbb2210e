"""Read the document of a recommendation: this release's, a newer one's, or an older one's.

Fields that this release does not know are passed over. Documents of format 0, which name no format,
lack what later releases added: an upgrader fills in what it meant before it existed.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from pydantic import ValidationError

from parametrization.recommendation.document import FORMAT, RecommendationDocument
from parametrization.shapes.older_tensors import completed_tensor

Document: TypeAlias = dict[str, Any]


def read_recommendation(document: Mapping[str, Any]) -> RecommendationDocument:
    """The record that a JSON object holds.

    Raises:
        ValueError: if it is no recommendation, naming the first field that is wrong; or if it is
            of a format that this release cannot read.

    """
    if not isinstance(document, Mapping):
        raise ValueError(f"it is no JSON object but a {type(document).__name__}")
    number = document.get("format", 0)
    if not isinstance(number, int) or not 0 <= number <= FORMAT:
        raise ValueError(f"format {number!r} is none of 0 to {FORMAT}: update widthwise")
    upgraded = dict(document)
    try:
        for upgrade in UPGRADERS[number:]:
            upgraded = upgrade(upgraded)
        return RecommendationDocument.model_validate(upgraded, extra="ignore")
    except KeyError as error:
        raise ValueError(f"no {error}") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"a field of format {number} is of another kind: {error}") from error
    except ValidationError as error:
        raise ValueError(_first_problem(error)) from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False)[0]
    where = "/".join(map(str, problem["loc"]))
    if problem["type"] in ("missing", "missing_argument"):
        return f"no {where!r}"
    return f"{where}: {problem['msg']}"


def _from_format_0(document: Document) -> Document:
    """Upgrade an answer from before targets had a depth, batch and tokens, and policies names."""
    given = _Given(document)
    return (
        {
            "headline": given.headline,
            "policies": {},
            "multipliers": {"width": document.get("width_multiplier")},
            "base_depth": given.depth,
            "residual_multiplier": 1.0,
            "target": given.target,
            "compared_by": {
                "metric": "train_loss",
                "name": "train loss",
                "words": "mean train loss over the second half of training",
            },
        }
        | document
        | {
            "format": 1,
            "learning_rate": {"digits": 3, "words": given.rate} | given.part("learning_rate"),
            "provenance": {"plugin": None, "data_sha256": None} | given.part("provenance"),
        }
        | given.each("hyperparameters", words="", source="", version="")
        | given.each("groups", optimizer=document.get("optimizer"), others={})
        | given.each("tensors", optimizer=document.get("optimizer"), others={})
        | given.each("axes", beyond=1.0)
        | given.schedule
        | given.base_shapes
    )


class _Given:
    """The fields of a document of format 0, and values derived from them."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def part(self, name: str) -> Document:
        """A record inside of the document; empty if there is none."""
        found = self._document.get(name)
        return dict(found) if isinstance(found, Mapping) else {}

    def each(self, name: str, **before: object) -> Document:
        """The field that lists records, with what was meant before these had such fields."""
        listed = self._document.get(name)
        return {name: [{**before, **one} for one in listed]} if isinstance(listed, list) else {}

    @property
    def depth(self) -> int:
        depth: int = self.part("family").get("depth", 1)
        return depth

    @property
    def headline(self) -> str:
        said = str(self._document.get("verdict", "")).replace("_", " ").upper()
        return f"{said}: width {self._document.get('width')}; {self._document.get('optimizer')}"

    @property
    def rate(self) -> str:
        rate = self.part("learning_rate")
        return f"{rate.get('value', 0):.3g} at base width {self._document.get('base_width')}"

    @property
    def target(self) -> Document:
        """The proxies' own training: targets had none of their own."""
        steps, tokens = (
            self.part("schedule").get("steps", 1),
            self.part("cost").get("target_tokens", 1),
        )
        per_example = self.part("family").get("context", 1)
        return {
            "width": self._document.get("width"),
            "depth": self.depth,
            "batch_size": max(1, round(tokens / steps / per_example)),
            "tokens": tokens,
            "steps": steps,
            "tokens_given": False,
        }

    @property
    def base_shapes(self) -> Document:
        """Tensors did not say which of their dimensions are looked up or stacked."""
        if "base_shapes" not in self._document:
            return {}
        tensors = [completed_tensor(tensor) for tensor in self._document["base_shapes"]["tensors"]]
        return {"base_shapes": self.part("base_shapes") | {"tensors": tensors}}

    @property
    def schedule(self) -> Document:
        """The schedule with the group whose rate its preview has: the first hidden one."""
        if "schedule" not in self._document:
            return {}
        roles = [group.get("role") for group in self._document.get("groups", ())]
        shown = roles.index("hidden") if "hidden" in roles else 0
        return {"schedule": {"group": shown} | self.part("schedule")}


UPGRADERS: Final[tuple[Callable[[Document], Document], ...]] = (_from_format_0,)
"""From each format to the next one."""
assert len(UPGRADERS) == FORMAT
