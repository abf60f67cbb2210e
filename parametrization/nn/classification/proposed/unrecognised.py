"""A tensor without a rule, with everything that a proposal for it is made from."""

from typing import Final, NamedTuple

from parametrization.nn.classification.declaration import Declaration
from parametrization.nn.classification.own_layers import own_layer
from parametrization.nn.classification.rows import LOOKUPS, row_of_layer
from parametrization.nn.parameter_names import OwnedParameter

_LAST_TWO: Final = 2
_DIRECTIONS: Final = {
    **dict.fromkeys(("v", "V", "weight_v"), ("g", "weight_g")),
    **dict.fromkeys(("direction", "weight"), ("g", "magnitude")),
}
"""Names of directions, with those of their magnitudes, in weight norms written by hand."""


class Unrecognised(NamedTuple):
    """A tensor without a rule, at the base width.

    Attributes:
        normed: True if torch makes a weight of it that is a magnitude times a direction.
        start_exponent: power of width that the model's own start follows; None if unknown.
        is_input: True if it is likely the first of the model that gives a wide dimension.
        is_output: True if it is likely an output of the model.
        rivals: names of the others that are as likely.
        fixed: True if it has the same values each time the model is built.
        unsettled: its declaration where only its start has to be said.

    """

    owned: OwnedParameter
    base_shape: tuple[int, ...]
    infinite: tuple[bool, ...]
    base_width: int
    normed: bool = False
    start_exponent: float | None = None
    is_input: bool = False
    is_output: bool = False
    rivals: tuple[str, ...] = ()
    fixed: bool = False
    unsettled: Declaration | None = None

    @property
    def is_of_known_layer(self) -> bool:
        """True if its layer gives its axes."""
        return row_of_layer(self.owned) is not None or own_layer(self.owned) is not None

    @property
    def is_from_wide(self) -> bool:
        """True for the weight of a known layer from a wide to a fixed dimension."""
        layer = row_of_layer(self.owned) or own_layer(self.owned)
        if layer is None or isinstance(self.owned.owner, LOOKUPS):
            return False
        transposed = layer.fan_in_axis == 0
        return self.infinite[:_LAST_TWO] == ((True, False) if transposed else (False, True))

    @property
    def is_vector(self) -> bool:
        """True for one dimension that grows, and no other."""
        return self.infinite == (True,)

    @property
    def path(self) -> tuple[str, ...]:
        """Names of the modules around it, from the root's child to its owner."""
        return tuple(self.owned.name.split(".")[:-1])

    @property
    def is_normed(self) -> bool:
        """True if it is part of a weight norm, torch's or one by hand from wide to fixed."""
        held = self.owned.owner._parameters
        beside = _DIRECTIONS.get(self.owned.attribute, ())
        by_hand = any(held.get(name) is not None for name in beside)
        return self.normed or (by_hand and self.infinite == (False, True))
