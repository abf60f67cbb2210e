"""Set torch for what is measured, and keep its settings from what a user's code leaves behind."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import torch

_Arguments = ParamSpec("_Arguments")
_Returned = TypeVar("_Returned")


def uncompiled(function: Callable[_Arguments, _Returned]) -> Callable[_Arguments, _Returned]:
    """The function, in which what torch.compile made is called as it was before.

    A compiler traces the hooks that the check puts around modules, and fails on them.
    """

    @wraps(function)
    def called(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Returned:
        with torch.compiler.set_stance("force_eager"):
            return function(*args, **kwargs)

    return called


_SETTINGS: Final[Sequence[tuple[Callable[[], Any], Callable[[Any], object]]]] = (
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
)
"""Functions that read and that set each of torch's global settings."""


@contextmanager
def kept_settings() -> Iterator[None]:
    """Settings are as before afterwards, so that nothing depends on the calls that came first.

    A validation that switches gradients off, or a loss that sets the default type, would otherwise
    change the steps, and the trials, after it.
    """
    before = [read() for read, _ in _SETTINGS]
    try:
        yield
    finally:
        for (read, write), value in zip(_SETTINGS, before, strict=True):
            if read() != value:
                write(value)
