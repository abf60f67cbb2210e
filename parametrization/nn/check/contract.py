"""Check that a user's code returns fresh models, and a loss whose gradient can be followed."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree


def scalar_loss(loss: object) -> Tensor:
    """The loss that `loss(model, batch)` returned, if its gradient can be followed.

    Raises:
        ValueError: if it is no tensor, no scalar, or has no gradient where gradients are taken.

    """
    if not isinstance(loss, Tensor):
        kind = "nothing" if loss is None else f"a {type(loss).__name__}"
        raise ValueError(
            f"loss returned {kind}, not a tensor: return the mean over the batch's predictions,"
            " without backward or item"
        )
    if loss.dim():
        raise ValueError(
            f"loss returned a tensor of shape {list(loss.shape)}: return a scalar, the mean over"
            " the batch's predictions"
        )
    if torch.is_grad_enabled() and not loss.requires_grad:
        raise ValueError(
            "loss returned a tensor without a gradient: leave out detach, item and no_grad"
        )
    return loss


def follow(loss: object) -> None:
    """Take the gradient of the loss that `loss(model, batch)` returned.

    Raises:
        ValueError: as `scalar_loss`, and if its gradient has been taken already.

    """
    try:
        scalar_loss(loss).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    except RuntimeError as error:
        if "second time" not in str(error):
            raise
        raise ValueError(
            "loss has followed the gradient already: leave out backward, and return the loss"
        ) from error


def words_on_sum(loss: Callable[[Any], Tensor], batch: object) -> str | None:
    """Words on a loss that is a sum over predictions; None if it is a mean, or not comparable."""
    return _words_on_examples(loss, batch) or _words_on_sequences(loss, batch)


def _words_on_examples(loss: Callable[[Any], Tensor], batch: object) -> str | None:
    """Words on a loss that is a sum over examples; None if not, or the batch cannot be repeated.

    The same examples twice, and four times, leave a mean unchanged, and multiply a sum by 2 and 4.
    A loss that is neither, as one that compares the examples with each other, grows by less.

    Args:
        loss: of a batch, drawn with the same random numbers every time.

    """
    doubled, again = _copies(batch, 2), _copies(batch, 4)
    if doubled is None:
        return None
    try:
        one, two, four = (float(loss(given)) for given in (batch, doubled, again))
    except Exception:  # noqa: BLE001  whatever the user's code raises
        return None  # the batch holds what is not one entry an example
    grown, more = abs(two - one), abs(four - two)
    if not grown > _MUCH * abs(one) or not more > _LIKE_A_SUM * grown:
        return None
    return (
        f"the loss is {one:g} of a batch, {two:g} of the same examples twice, and {four:g} of them"
        " four times: it is a sum, so that its gradients grow with the batch; return the mean over"
        " the predictions (reduction='mean', or divide by how many there are)"
    )


def _words_on_sequences(loss: Callable[[Any], Tensor], batch: object) -> str | None:
    """Words on a loss that is a sum over positions; None if not, or sequences cannot be cut.

    The losses of two halves and of four quarters of a sequence add up to that of the whole if it is
    a sum, and to about two and four times as much if it is a mean.
    """
    halves, quarters = _pieces(batch, 2), _pieces(batch, 4)
    if not quarters:
        return None
    try:
        whole = float(loss(batch))
        two, four = ([float(loss(piece)) for piece in pieces] for pieces in (halves, quarters))
        added = ((two, _HALVES), (four, _QUARTERS))
    except Exception:  # noqa: BLE001  whatever the user's code raises
        return None  # the model takes sequences of one length
    if not whole or not all(low < sum(p) / whole < high for p, (low, high) in added):
        return None
    return (
        f"the loss is {whole:g} of a batch, and {' + '.join(f'{one:g}' for one in two)} of the two"
        " halves of its sequences: it is a sum over the sequence, so that its gradients grow with"
        " it; return the mean over the predictions (reduction='mean', or divide by how many there"
        " are, not by the examples alone)"
    )


def _pieces(batch: object, count: int) -> list[Any]:
    """The batch's sequences cut into pieces, one after another; none where they are short.

    A sequence is the second dimension of the first tensor that has one; dimensions of its size
    are cut in all tensors.
    """
    leaves, spec = pytree.tree_flatten(batch)
    length = next((t.shape[1] for t in leaves if isinstance(t, Tensor) and t.dim() > 1), 0)
    size = length // count
    if length < _SHORTEST:
        return []
    return [
        pytree.tree_unflatten([_cut(leaf, length, at * size, size) for leaf in leaves], spec)
        for at in range(count)
    ]


def _cut(leaf: Any, length: int, start: int, size: int) -> Any:  # noqa: ANN401  as the user's batch is
    if not isinstance(leaf, Tensor):
        return leaf
    for axis in range(1, leaf.dim()):
        if leaf.shape[axis] == length:
            leaf = leaf.narrow(axis, start, size)
    return leaf


_SHORTEST: Final = 16
"""Positions. Each piece may have one prediction less than it has tokens."""
_HALVES, _QUARTERS = (0.8, 1.25), (0.7, 1.4)
"""Bounds of the sum of the pieces' losses over the loss of the whole, where the loss is a sum."""
_MUCH: Final = 0.2
_LIKE_A_SUM: Final = 1.5


def _copies(batch: object, times: int) -> Any:  # noqa: ANN401  as the user's batch is
    """The batch's examples several times over; None where its tensors do not agree on them."""
    leaves, spec = pytree.tree_flatten(batch)
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    if not tensors or not all(t.dim() for t in tensors) or len({len(t) for t in tensors}) > 1:
        return None
    many = [torch.cat([leaf] * times) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    return pytree.tree_unflatten(many, spec)


def refuse_devices(what: str, tensors: Iterable[Tensor]) -> None:
    """Refuse tensors that are not on the CPU, where models and batches are made.

    Args:
        what: made them: "model" or "batch".

    Raises:
        ValueError: naming the devices.

    """
    devices = sorted({str(tensor.device) for tensor in tensors} - {"cpu"})
    if devices:
        raise ValueError(
            f"{what} put tensors on {', '.join(devices)}: leave out devices (`.to`, `.cuda`,"
            " `device=`), models and batches are moved for you"
        )


def refuse_coarse(model: nn.Module) -> None:
    """Refuse trained tensors that round away updates as small as the check's.

    Raises:
        ValueError: naming one of them.

    """
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter.dtype not in (torch.float32, torch.float64):
            raise ValueError(
                f"{name} is {str(parameter.dtype).removeprefix('torch.')}, which rounds away"
                " updates as small as the check's: build the model in float32 to check it; the"
                " rules are the same"
            )


def refuse_shared(model: nn.Module, other: nn.Module) -> None:
    """Refuse two models, built one after the other, that train the same tensors.

    Raises:
        ValueError: naming one of them.

    """
    names = {id(one): name for name, one in model.named_parameters() if one.requires_grad}
    shared = [names[id(one)] for one in other.parameters() if id(one) in names]
    if shared:
        raise ValueError(
            f"two models that were built share {shared[0]}, so that training one would change the"
            " other: build new layers every time, and keep no model between calls"
        )
