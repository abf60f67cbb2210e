"""The target of a study as it is submitted, and with its defaults filled in."""

import math
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from parametrization.recommendation.record import Record
from parametrization.recommendation.target import WholeTarget
from tuner.spec.submitted import Submitted

WIDEST: Final = 2**20
Width = Annotated[int, Field(ge=1, le=WIDEST)]
Depth = Annotated[int, Field(ge=1, le=1024)]
BatchSize = Annotated[int, Field(ge=1, le=2**24)]
MOST_TOKENS: Final = 10**18
Tokens = Annotated[int, Field(ge=1, le=MOST_TOKENS)]
Steps = Tokens  # at least a token each


class Target(Submitted):
    """The model that will be trained for real, and how long; what is left out is the proxies'."""

    width: Width
    depth: Depth | None = None
    """As the family counts it. Default: the proxies'."""
    batch_size: BatchSize | None = None
    """Sequences or images per step. Default: the proxies'."""
    tokens: Tokens | None = None
    """Seen in all of training; images, for models that see images. Default: as many as the proxies
    see. Give tokens or steps."""
    steps: Steps | None = None
    """Updates. Default: those that `tokens` take."""
    tokens_given: bool | None = None
    """True if the duration is the target's own and not the proxies'. Default: whether `tokens` or
    `steps` is given."""

    @model_validator(mode="after")
    def _duration_is_given_if_said_so(self) -> Self:
        if self.tokens_given and self.tokens is None and self.steps is None:
            raise ValueError(
                "tokens_given is true, but there are neither tokens nor steps: give one of them,"
                " or leave tokens_given out"
            )
        return self


def narrower_than_proxy(width: int, proxy_width: int) -> str | None:
    """The reason that a target cannot have this width; None if it is at least the proxies'."""
    if width >= proxy_width:
        return None
    return (
        f"target width {width} is narrower than the proxy's {proxy_width}: give {proxy_width} or"
        " more"
    )


class Proxies(Record):
    """Defaults that a target takes from its proxies."""

    depth: int
    batch_size: int
    steps: int
    tokens_per_example: int

    @property
    def tokens(self) -> int:
        """Seen in all of training."""
        return self.steps * self.batch_size * self.tokens_per_example


def filled(asked: Target, proxies: Proxies) -> WholeTarget:
    """The target, with the proxies' numbers where it has none.

    Tokens count before steps where both are given: that they agree is the caller's to check.
    """
    batch_size = asked.batch_size or proxies.batch_size
    per_step = batch_size * proxies.tokens_per_example
    tokens = asked.tokens or (asked.steps * per_step if asked.steps else proxies.tokens)
    given = asked.tokens is not None or asked.steps is not None
    return WholeTarget(
        width=asked.width,
        depth=asked.depth or proxies.depth,
        batch_size=batch_size,
        tokens=tokens,
        steps=math.ceil(tokens / per_step),
        tokens_given=given if asked.tokens_given is None else asked.tokens_given,
    )
