"""A target as a configuration describes it: every tensor with its shape."""

from collections.abc import Iterable, Mapping

from parametrization.recommendation.record import Record
from tuner.recommendation.exports.frameworks.namings import Part


class IllegalConfiguration(ValueError):
    """A configuration describes no target; names the field, its value and what it should be."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(f"{field}: {words}" if field else words)
        self.field = field


class DescribedTensor(Record):
    """One parameter tensor of the target."""

    name: str
    """As its framework names it."""
    shape: tuple[int, ...]
    part: Part | None
    """None where its name has none: it is then matched by its name alone."""
    grows: bool | None = True
    """True if a wider model has more entries of it, unlike gains over one head; None if not known.
    """
    transposed: bool = False
    """True if a matrix is [in, out], as GPT-2's are in transformers."""


class DescribedTarget(Record):
    """A described model; sizes that its description does not name are None."""

    source: str
    """Kind of configuration, and its architecture."""
    width: int
    depth: int
    """Blocks, of attention and feed-forward both; of another model as the study's family counts."""
    heads: int | None = None
    kv_heads: int | None = None
    head_size: int | None = None
    """heads x head_size may differ from the width."""
    feed_forward: int | None = None
    vocabulary: int | None = None
    tied: bool | None = None
    """The readout reads the table of the tokens; None where nothing tells."""
    context: int | None = None
    tensors: tuple[DescribedTensor, ...]
    unread: tuple[str, ...] = ()
    """Fields that change the model without changing a tensor's shape."""
    multipliers: Mapping[str, float] = {}
    """Multipliers of the forward pass by their fields, if the configuration has all of them."""

    @property
    def parameters(self) -> int:
        """Numbers in all tensors."""
        total = 0
        for tensor in self.tensors:
            size = 1
            for entries in tensor.shape:
                size *= entries
            total += size
        return total


def weight(
    module: str,
    part: Part,
    shape: tuple[int, ...],
    *,
    bias: bool = False,
    transposed: bool = False,
    grows: bool = True,
) -> Iterable[DescribedTensor]:
    """A module's weight, and its bias over the fan-out."""
    yield DescribedTensor(
        name=f"{module}.weight", shape=shape, part=part, transposed=transposed, grows=grows
    )
    if bias:
        fan_out = shape[1] if transposed else shape[0]
        yield DescribedTensor(name=f"{module}.bias", shape=(fan_out,), part=part)
