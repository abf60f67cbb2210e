"""Tell the errors after which a GPU can do nothing more for this process.

An illegal access, a failed assertion in a kernel or a GPU that fell off its bus leave a context in
which every later call fails, other trials' too: only a new process helps.
"""

from collections.abc import Iterator
from typing import Final

import torch

from parametrization.text.errors import error_text
from workers.device.out_of_memory import is_out_of_memory

_PHRASES: Final = ("cuda error", "cublas_status_", "cudnn_status_", "cusolver_status_", "hip error")
"""Words of torch's RuntimeErrors that say it and are no `torch.AcceleratorError`."""
_RECORDING: Final = "captur"
"""In the messages of recordings that failed, which leave the context as it was."""


def is_dead_context(error: BaseException) -> bool:
    """True if the error, or one that it followed from, says that the GPU's context is gone."""
    return any(map(_says_so, _with_causes(error)))


def _says_so(error: BaseException) -> bool:
    said = error_text(error).lower()
    if not isinstance(error, RuntimeError) or is_out_of_memory(error) or _RECORDING in said:
        return False
    return isinstance(error, torch.AcceleratorError) or any(one in said for one in _PHRASES)


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
