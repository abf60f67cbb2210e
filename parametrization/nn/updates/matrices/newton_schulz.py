"""Approximate orthogonalisation of a matrix by matrix products alone.

Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks", the quintic
iteration with its tuned coefficients. It does not converge to U V^T: singular values end between
about 0.7 and 1.2, because the coefficients trade exactness for a steep start. Long matrices iterate
on their small Gram matrix instead, which is the same in exact arithmetic: Zhang, Amsel, Chen & Dao
2026, "Gram Newton-Schulz".
"""

from typing import Final

import torch
from torch import Tensor

from parametrization.nn.updates.update import Number, at_least

COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
ITERATIONS: Final = 5
LONG: Final = 2
"""Ratio of the sides from which the Gram matrix is the cheaper to iterate on: it takes 17 products
of the small side and 2 of the whole matrix, in place of 5 and 10."""


def orthogonalised(matrix: Tensor, epsilon: Number) -> Tensor:
    """U f(S) V^T with f near 1, for a matrix U S V^T.

    Args:
        matrix: [fan_out, fan_in], or several of them, [count, fan_out, fan_in].
        epsilon: smallest Frobenius norm that is still divided out.

    """
    tall = matrix.shape[-2] > matrix.shape[-1]
    start = matrix.mT if tall else matrix
    norm = torch.linalg.vector_norm(start, dim=(-2, -1), keepdim=True)
    start = start / at_least(norm, epsilon)
    # A Gram matrix squares the singular values: half precision loses the small ones.
    long = start.shape[-1] >= LONG * start.shape[-2] and start.dtype.itemsize >= 4
    iterated = _iterated_on_gram(start) if long else _iterated(start)
    return iterated.mT if tall else iterated


def _iterated(iterate: Tensor) -> Tensor:
    identity = _identity(iterate)
    for _ in range(ITERATIONS):
        iterate = _polynomial(iterate @ iterate.mT, identity) @ iterate
    return iterate


def _iterated_on_gram(start: Tensor) -> Tensor:
    """The same polynomials of the Gram matrix, gathered and applied to `start` once."""
    identity, gram = _identity(start), start @ start.mT
    gathered = polynomial = _polynomial(gram, identity)
    for _ in range(ITERATIONS - 1):
        gram = polynomial @ gram @ polynomial
        polynomial = _polynomial(gram, identity)
        gathered = polynomial @ gathered
    return gathered @ start


def _identity(iterate: Tensor) -> Tensor:
    return torch.eye(iterate.shape[-2], dtype=iterate.dtype, device=iterate.device)


def _polynomial(gram: Tensor, identity: Tensor) -> Tensor:
    """The factor a + b G + c G^2 of one iteration.

    Its sum is part of its one product: no other pass over anything but small matrices.
    """
    a, b, c = COEFFICIENTS
    plus_product = torch.addmm if gram.dim() == 2 else torch.baddbmm
    return plus_product(a * identity + b * gram, gram, gram, alpha=c)
