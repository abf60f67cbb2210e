"""State once how a worker computes: the same way alone, in a cohort, and in every library."""

import torch


def settle_arithmetic() -> None:
    """Single precision is single precision, and convolutions are chosen by shape alone.

    cuDNN rounds the inputs of fp32 convolutions to TF32 by default, cuBLAS those of products does
    not: trials of one study would be compared in two precisions. Both are off; bf16 is the way to
    ask for speed. cuDNN takes deterministic kernels, and none by timing, which would differ from
    slot to slot. That is not all that equal bits ask for: see docs/gpu.md.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
