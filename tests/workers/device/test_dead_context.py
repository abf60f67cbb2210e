"""Errors of a GPU: what ends the worker, what only needs less memory, and what is harmless."""

import pytest
import torch

from workers.device.dead_context import is_dead_context
from workers.device.out_of_memory import is_out_of_memory
from workers.own_tasks.opened import TaskFailed

DEAD = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    torch.AcceleratorError("device-side assert triggered"),
    RuntimeError("CUDA error: unspecified launch failure"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
]
TOO_LARGE = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    torch.AcceleratorError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnXsyevd`"),
    RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
    RuntimeError("GET was unable to find an engine to execute this computation"),
]
HARMLESS = [
    ValueError("CUDA error: said by somebody else"),
    RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
    torch.AcceleratorError("CUDA error: operation not permitted when stream is capturing"),
]


def name(error: Exception) -> str:
    return str(error)[:60]


@pytest.mark.parametrize("error", DEAD, ids=name)
def test_a_worker_whose_context_is_gone_is_told_from_one_out_of_memory(error: Exception) -> None:
    assert is_dead_context(error)
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("error", TOO_LARGE, ids=name)
def test_what_a_library_could_not_allocate_is_out_of_memory(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not is_dead_context(error)


@pytest.mark.parametrize("error", HARMLESS, ids=name)
def test_what_leaves_the_context_as_it_was_is_neither(error: Exception) -> None:
    assert not is_dead_context(error)
    assert not is_out_of_memory(error)


def test_an_error_of_a_users_code_is_asked_what_it_came_from() -> None:
    failed = TaskFailed("mine: loss raised AcceleratorError")
    assert not is_dead_context(failed)
    failed.__cause__ = DEAD[0]
    assert is_dead_context(failed)
