"""Compute the Fréchet distance of generated and real samples, as normal distributions.

Shape suffixes: N samples, D dimensions.
"""

import torch
from torch import Tensor


def frechet_distance(samples_ND: Tensor, others_ND: Tensor) -> Tensor:
    """|difference of means|^2 + tr(A + B - 2 (A B)^1/2), over D; A and B are covariances.

    A scalar of fp64 in the square of the samples' unit; NaN where a sample is not finite. It
    sees means and covariances alone. Two finite sets of samples of one distribution are a little
    apart: compare distances of sets of the same size. Source: Dowson and Landau 1982, J.
    Multivariate Anal. 12, 450; Heusel et al. 2017, arXiv:1706.08500, section 2, of features.
    """
    first, second = samples_ND.double(), others_ND.double()
    if not (first.isfinite().all() and second.isfinite().all()):
        return first.new_tensor(torch.nan)
    between = (first.mean(0) - second.mean(0)).square().sum()
    of_first, of_second = first.T.cov(), second.T.cov()
    # tr (A B)^1/2 from a symmetric matrix with the same eigenvalues: A^1/2 B A^1/2.
    values, vectors = torch.linalg.eigh(of_second)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    shared = torch.linalg.eigvalsh(root @ of_first @ root).clamp_min(0).sqrt().sum()
    distance: Tensor = between + of_first.trace() + of_second.trace() - 2 * shared
    return distance.clamp_min(0) / samples_ND.shape[1]
