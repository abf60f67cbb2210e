"""The family `external`: models that a trainer of the user's own builds and trains."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo

from parametrization.recommendation.target import Comparison
from parametrization.shapes.roles import ModelShape, TensorShape
from tuner.spec.datasets.dataset import OwnData
from tuner.spec.families.given_shapes import shape_problems
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.submitted import fields_disagree, is_stored

_COMPARISONS: Final[Mapping[str, Comparison]] = {
    "train_loss": ModelFamily.compared_by,
    "validation_loss": Comparison(
        metric="validation_loss",
        name="validation loss",
        words="validation loss, as the trainer last reported it",
    ),
}
_OF_MODEL: Final = {one.name for one in fields(ModelShape)}
_OF_TENSOR: Final = {one.name for one in fields(TensorShape)}


def _known_fields(given: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  JSON
    """Refuse fields that no shape has: read silently, a misspelt `tied` would be a wrong rule."""
    if is_stored(info) or not isinstance(given, Mapping):
        return given
    unknown = [str(name) for name in given.keys() - _OF_MODEL]
    tensors = given.get("tensors")
    for number, tensor in enumerate(tensors if isinstance(tensors, list | tuple) else ()):
        if isinstance(tensor, Mapping):
            unknown += [f"tensors/{number}/{name}" for name in tensor.keys() - _OF_TENSOR]
    if unknown:
        words = "unknown field: correct it or remove it"
        raise fields_disagree([(f"/family/shapes/{at}", words) for at in unknown])
    return given


class External(ModelFamily):
    """Models of your own, built and trained by your own trainer, which leases trials over HTTP.

    docs/external-trainers.md says how.
    """

    trains_on: ClassVar = OwnData
    builder: ClassVar = ""
    is_external: ClassVar = True

    name: Literal["external"]
    shapes: Annotated[ModelShape, BeforeValidator(_known_fields)] | None = None
    """Every parameter tensor at the base width with its role, as `widthwise shapes` writes them.
    Required."""
    divisor: int = Field(default=1, ge=1, le=2**20)
    """Every width is a multiple of it: the size of a head, say. What the shapes themselves demand
    is known."""
    example_tokens: int = Field(default=1, ge=1, le=2**30)
    """Tokens of one example; 1 where examples are no sequences."""
    depth: int = Field(default=1, ge=1, le=1024)
    """Blocks of the proxies, as `build` counts them."""
    metric: Literal["train_loss", "validation_loss"] = "train_loss"
    """Measure that trials are compared by, less being better: the mean of the reported training
    losses over the second half of training, or the validation loss that was reported last."""
    check: Literal["skipped", "posted"] = "skipped"
    """`posted`: the study begins when the statistics of its coordinate check have been posted.
    Skipping the check costs the recommendation a `caution`."""

    @property
    def comparison(self) -> Comparison:
        """The comparison of the chosen metric."""
        return _COMPARISONS[self.metric]

    @property
    def default_pruner(self) -> Literal["none", "median"]:
        """None: a trainer that keeps no checkpoints would begin again at every rung."""
        return "none"

    @property
    def given_shape(self) -> ModelShape | None:
        """The shapes as they were submitted."""
        return self.shapes

    def proxy_width(self, target_width: int) -> int:
        """The width of the shapes, as an own task's; an eighth of a target that is not as wide."""
        if self.shapes is not None and self.shapes.base_width <= target_width:
            return self.shapes.base_width
        return super().proxy_width(target_width)

    @property
    def skips_check(self) -> bool:
        """Unless its statistics are posted."""
        return self.check == "skipped"

    def in_order(self) -> Self:
        """Without the shapes, of which there may be a thousand."""
        return self.model_copy(update={"shapes": None})

    def unfit_for(self, base_width: int) -> Iterator[tuple[str, str]]:
        """Shapes that are missing, do not fit together, or are of another base width."""
        if self.shapes is None:
            yield (
                "/family/shapes",
                "required: give the model's tensors and their roles, as `widthwise shapes"
                " FILE:build --base-width N` writes them",
            )
            return
        if base_width != self.shapes.base_width:
            yield (
                "/base_width",
                f"base_width {base_width} is not the shapes' own {self.shapes.base_width}: leave it"
                " out, or write the shapes at that width",
            )
        for at, words in shape_problems(self.shapes):
            yield f"/family/shapes{at}", words

    @property
    def parts_of_width(self) -> Mapping[str, int]:
        """The divisor, or the smallest multiple of it that gives every tensor a whole shape."""
        if self.shapes is None:
            return {"divisor": self.divisor}
        wide = (
            size
            for tensor in self.shapes.tensors
            for size, grows in zip(tensor.base_shape, tensor.infinite, strict=False)
            if grows
        )
        base = max(1, self.shapes.base_width)
        whole = base // math.gcd(base, *wide)
        return {"divisor": math.lcm(self.divisor, whole)}

    @property
    def tokens_per_example(self) -> int:
        """Tokens of one example."""
        return self.example_tokens
