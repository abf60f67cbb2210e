"""How a worker computes is said once, for every library."""

import pytest
import torch

from workers.slot.process import settle_torch


def test_single_precision_is_the_same_in_products_and_convolutions() -> None:
    torch.backends.cudnn.allow_tf32 = True
    settle_torch()
    assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is False
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_products_and_convolutions_are_rounded_alike_on_a_gpu() -> None:
    """TF32 keeps 10 bits of an input: errors of 1e-3, where single precision's are 1e-6."""
    settle_torch()
    drawn = torch.Generator().manual_seed(0)
    images, weights = (torch.randn(shape, generator=drawn) for shape in ((4, 64, 8, 8), (64,) * 2))
    kernel = weights[:, :, None, None].repeat(1, 1, 3, 3)
    exact = torch.nn.functional.conv2d(images.double(), kernel.double())
    found = torch.nn.functional.conv2d(images.cuda(), kernel.cuda()).cpu().double()
    assert (found - exact).norm() < 1e-5 * exact.norm()
    rows = images.flatten(1)[:, :64]
    product = (rows.cuda() @ weights.cuda()).cpu().double()
    exact = rows.double() @ weights.double()
    assert (product - exact).norm() < 1e-5 * exact.norm()
