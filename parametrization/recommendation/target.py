"""Records of a recommendation's target, and of the measure of its losses."""

from typing import Literal

from parametrization.recommendation.record import Record


class WholeTarget(Record):
    """A target with everything filled in."""

    width: int
    depth: int
    batch_size: int
    tokens: int
    steps: int
    """Updates, the last one perhaps on fewer tokens."""
    tokens_given: bool
    """True if the duration was given; if not, it is the proxies'."""

    @property
    def words(self) -> str:
        """The target by all four of its axes."""
        whose = "" if self.tokens_given else " (the proxies': yours was not given)"
        return (
            f"width {self.width}, depth {self.depth}, batch {self.batch_size:,},"
            f" for a run of {self.tokens:,} tokens{whose}"
        )


class FieldMultiplier(Record):
    """A field of a configuration that multiplies in the forward pass."""

    field: str
    given: float
    """Value in the configuration."""
    wanted: float
    """Value that this answer needs."""


class TargetFacts(Record):
    """Facts of a target that was given by a configuration; null where it does not state them."""

    source: str
    """Kind of configuration, and its architecture."""
    heads: int | None
    kv_heads: int | None
    head_size: int | None
    feed_forward: int | None
    vocabulary: int | None
    tied: bool | None
    context: int | None = None
    multipliers: tuple[FieldMultiplier, ...] = ()
    """Set if the configuration has all of them: the format `hf-trainer` writes it anew."""
    unmapped: tuple[str, ...]
    """Tensors that the study's model has nothing like: no number here is theirs."""
    unread: tuple[str, ...]
    """Fields that change the forward pass, which the proxies did not have."""


class Comparison(Record):
    """The measure that trials are compared by: a positive number, less being better."""

    metric: Literal["train_loss", "validation_loss"]
    """The curve that it is computed from."""
    name: str
    """In a word or two."""
    words: str
    """Name and computation in a phrase."""


class DatasetFacts(Record):
    """Sizes of examples that a built-in model's first and last layer follow; null where none."""

    name: str
    vocabulary: int | None = None
    """Tokens are from 0 to below this."""
    channels: int | None = None
    side: int | None = None
    """Of a square image, in pixels."""
    classes: int | None = None
