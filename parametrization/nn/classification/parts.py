"""Find the matrices that lie side by side in one tensor: queries, keys and values, gates.

Each is a map of its own: its output meets the others' after a nonlinearity or a product, never in a
sum. A gate of an LSTM is one as much as a query, so each is orthogonalised and preconditioned by
itself, as four Linear layers would be.
"""

from typing import Final

from torch import nn

from parametrization.nn.classification.declaration import Declaration
from parametrization.nn.parameter_names import OwnedParameter

_FUSED: Final = (
    (nn.MultiheadAttention, "in_proj_", 3),  # queries, keys, values
    (nn.LSTM, "weight_ih_", 4),  # input, forget, cell, output
    (nn.LSTM, "weight_hh_", 4),
    (nn.LSTM, "bias_", 4),
    (nn.GRU, "weight_ih_", 3),  # reset, update, new
    (nn.GRU, "weight_hh_", 3),
    (nn.GRU, "bias_", 3),
    (nn.LSTMCell, "", 4),
    (nn.GRUCell, "", 3),
)


def parts_of(owned: OwnedParameter, said: Declaration, fan_out: tuple[int, ...]) -> tuple[int, ...]:
    """Shares of the first dimension of the fan-out; empty where the tensor is one matrix.

    Raises:
        ValueError: if that dimension cannot be divided so.

    """
    found = (
        number
        for module, prefix, number in _FUSED
        if isinstance(owned.owner, module) and owned.attribute.startswith(prefix)
    )
    given = next(found, 1) if said.parts is None else said.parts
    shares = (1,) * given if isinstance(given, int) else tuple(given)
    if len(shares) == 1:
        return ()
    size = owned.parameter.shape[fan_out[0]] if fan_out else 0
    if not shares or min(shares) < 1 or not size or size % sum(shares):
        raise ValueError(
            f"{owned.name} {list(owned.parameter.shape)} is declared with parts={given!r}: every"
            f" share has to be at least 1, and the first dimension of the fan-out a multiple of"
            f" their sum, {sum(shares)}; that is dimension {fan_out[0] if fan_out else None}"
        )
    return shares
