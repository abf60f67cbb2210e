"""The model that a recommendation is for, and what its losses are."""

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
    """Whether the duration was asked for; if not, it is the proxies'."""

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
    """What the configuration says."""
    wanted: float
    """What it has to say for this answer."""


class TargetFacts(Record):
    """Facts of a target that was given by a configuration; null where it does not state them."""

    source: str
    """Whose configuration, and of which architecture."""
    heads: int | None
    kv_heads: int | None
    head_size: int | None
    feed_forward: int | None
    vocabulary: int | None
    tied: bool | None
    context: int | None = None
    multipliers: tuple[FieldMultiplier, ...] = ()
    """Where the configuration can say all of them: the format `hf-trainer` writes it anew."""
    unmapped: tuple[str, ...]
    """Tensors that the study's model has nothing like: no number here is theirs."""
    unread: tuple[str, ...]
    """Fields that change the forward pass, which the proxies did not have."""


class Comparison(Record):
    """The measure that trials are compared by: a positive number, less being better."""

    metric: Literal["train_loss", "validation_loss"]
    """Which of their curves it is taken from."""
    name: str
    """In a word or two."""
    words: str
    """How it is taken, too."""


class DatasetFacts(Record):
    """Sizes of examples that a built-in model's first and last layer follow; null where none."""

    name: str
    vocabulary: int | None = None
    """Tokens are from 0 to below this."""
    channels: int | None = None
    side: int | None = None
    """Of a square image, in pixels."""
    classes: int | None = None
