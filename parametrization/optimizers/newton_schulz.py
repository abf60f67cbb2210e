"""Approximate orthogonalisation of a matrix by matrix products alone.

Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks", the quintic
iteration with its tuned coefficients. It does not converge to U V^T: singular values end between
about 0.7 and 1.2, because the coefficients trade exactness for a steep start.
"""

from typing import Final

import torch
from torch import Tensor

from parametrization.optimizers.update import Number, at_least

COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
ITERATIONS: Final = 5


def orthogonalised(matrix: Tensor, epsilon: Number, dtype: torch.dtype | None = None) -> Tensor:
    """U f(S) V^T with f near 1, for a matrix U S V^T.

    Args:
        matrix: [fan_out, fan_in], or several of them, [count, fan_out, fan_in].
        epsilon: smallest Frobenius norm that is still divided out.
        dtype: of the iteration; the matrix's own if None. bfloat16 is what Muon was published in
            and what `torch.optim.Muon` does.

    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[-2] > matrix.shape[-1]
    iterate = matrix if dtype is None else matrix.to(dtype)
    iterate = iterate.mT if tall else iterate
    norm = torch.linalg.vector_norm(iterate, dim=(-2, -1), keepdim=True)
    iterate = iterate / at_least(norm, epsilon)
    # Written so that no pass over the iterate is made but the products: a times it is part of the
    # small factor, whose sum is part of its product.
    identity = a * torch.eye(iterate.shape[-2], dtype=iterate.dtype, device=iterate.device)
    plus_product = torch.addmm if iterate.dim() == 2 else torch.baddbmm
    for _ in range(ITERATIONS):
        gram = iterate @ iterate.mT
        iterate = plus_product(identity + b * gram, gram, gram, alpha=c) @ iterate
    upright: Tensor = iterate.mT if tall else iterate
    return upright.to(matrix.dtype)
