"""The target that a recommendation is asked for, of a study that names another."""

from parametrization.recommendation.target import WholeTarget
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.study import StudySpec
from tuner.spec.submitted import Submitted
from tuner.spec.target import (
    BatchSize,
    Depth,
    Target,
    Tokens,
    Width,
    filled,
    narrower_than_proxy,
)


class AskedTarget(Submitted):
    """The target of a requested recommendation; fields left out are the study's own."""

    width: Width | None = None
    depth: Depth | None = None
    """As the family counts it."""
    batch_size: BatchSize | None = None
    """Sequences or images per step."""
    tokens: Tokens | None = None
    """Tokens (or images) that the target trains on."""
    optimizer: Optimizer | None = None
    """One of the study's. Default: the best measured."""


class IllegalTarget(ValueError):
    """A study has no answer for the requested target; `field` names the part that is wrong."""

    def __init__(self, field: str, value: int | str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.value = value


def target_asked(
    spec: StudySpec,
    *,
    width: int | None = None,
    depth: int | None = None,
    batch_size: int | None = None,
    tokens: int | None = None,
) -> WholeTarget:
    """The study's target, with the numbers that are given instead of its own.

    Raises:
        IllegalTarget: if the family has no model of that width, or no rule for that depth.

    """
    given = {"width": width, "depth": depth, "batch_size": batch_size, "tokens": tokens}
    own = spec.whole_target
    asked = own.model_dump(include=set(given))
    asked |= {name: value for name, value in given.items() if value is not None}
    too_narrow = narrower_than_proxy(asked["width"], spec.proxy_width)
    if problem := spec.family.width_problem(asked["width"]) or too_narrow:
        raise IllegalTarget("width", asked["width"], problem)
    for name, value in asked.items():
        if value < 1:
            raise IllegalTarget(name, value, f"{name} {value} is not positive: give 1 or more")
    if problem := spec.family.depth_problem(asked["depth"]):
        raise IllegalTarget("depth", asked["depth"], problem)
    tokens_given = own.tokens_given or tokens is not None
    return filled(Target(**asked, tokens_given=tokens_given), spec.proxies)
