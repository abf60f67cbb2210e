"""The largest eigenvalues of a symmetric matrix that is known by its products alone.

Lanczos's iteration with every vector made orthogonal to all before it, twice (Parlett 1998, The
Symmetric Eigenvalue Problem, section 6.9): without that, eigenvalues come back as copies.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor

_CONVERGED: Final = 1e-6
"""Share of the largest eigenvalue below which residuals are rounding."""


class Eigenpairs(NamedTuple):
    """The largest eigenvalues, with bounds on their error."""

    values: Tensor
    """Descending, by their signs: a negative one is small."""
    vectors: Tensor
    """[size, count], each of norm 1."""
    residuals: Tensor
    """|A v - value v| of each: the distance to the nearest eigenvalue is no larger."""
    products: int
    """Number of matrix products that were taken."""


def largest(
    product: Callable[[Tensor], Tensor],
    start: Tensor,
    count: int,
    *,
    most_products: int = 200,
) -> Eigenpairs:
    """The `count` largest eigenvalues, and their vectors.

    Args:
        product: of the matrix and a vector like `start`.
        start: [size]; any vector that is not orthogonal to the eigenvectors, such as a random one.
        most_products: limit on the products; fewer if all residuals are rounding before.

    Raises:
        ValueError: if more eigenvalues are asked for than there are, or `start` is zero.

    """
    size = start.numel()
    if not 1 <= count <= size:
        raise ValueError(f"count must be from 1 to the matrix's size {size}, got {count}")
    if not start.norm() > 0:
        raise ValueError("start must not be zero: draw it at random")
    basis = [start / start.norm()]
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    while True:
        image = product(basis[-1])
        diagonal.append(basis[-1] @ image)
        for _ in range(2):
            for vector in basis:
                image = image - (vector @ image) * vector
        length = image.norm()
        found = _of_tridiagonal(diagonal, beside, basis, length, min(count, len(basis)))
        scale = found.values.abs().max().clamp(min=torch.finfo(start.dtype).tiny)
        exhausted = len(basis) >= min(size, most_products) or length <= _CONVERGED**2 * scale
        settled = len(basis) > count and bool((found.residuals <= _CONVERGED * scale).all())
        if exhausted or settled:
            return found
        beside.append(length)
        basis.append(image / length)


def _of_tridiagonal(
    diagonal: list[Tensor], beside: list[Tensor], basis: list[Tensor], length: Tensor, count: int
) -> Eigenpairs:
    matrix = torch.diag(torch.stack(diagonal))
    if beside:
        off = torch.stack(beside)
        matrix = matrix + torch.diag(off, 1) + torch.diag(off, -1)
    values, vectors = torch.linalg.eigh(matrix)
    values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
    return Eigenpairs(
        values=values,
        vectors=torch.stack(basis, dim=1) @ vectors,
        residuals=length * vectors[-1].abs(),
        products=len(basis),
    )
