"""Eigenvectors and inverse roots of symmetric matrices, safe for a cohort with a diverged trial."""

import torch
from torch import Tensor


def eigenbasis(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, ascending, and eigenvectors as columns of a symmetric [n, n] matrix.

    All NaN where an entry is not finite: LAPACK would refuse the whole batch of trials for it.
    """
    finite = torch.isfinite(matrix).all()
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    values, vectors = torch.linalg.eigh(torch.where(finite, matrix, identity))
    return torch.where(finite, values, torch.nan), torch.where(finite, vectors, torch.nan)


def inverse_root(matrix: Tensor, power: float) -> Tensor:
    """`matrix` ** -power for a positive definite [n, n] matrix.

    Rounding may turn an eigenvalue of a singular matrix negative; it is held at the resolution of
    the largest one, below which it carries no information.
    """
    values, vectors = eigenbasis(matrix)
    resolution = torch.finfo(matrix.dtype).eps * values[-1]
    return (vectors * torch.maximum(values, resolution) ** -power) @ vectors.mT
