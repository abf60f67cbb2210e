"""Set torch for what is measured, and keep its settings from what a user's code leaves behind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

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


class _Settings(NamedTuple):
    dtype: torch.dtype
    gradients: bool
    threads: int
    deterministic: int
    anomalies: bool
    precision: str


@contextmanager
def kept_settings() -> Iterator[None]:
    """Settings are as before afterwards, so that nothing depends on the calls that came first.

    A validation that switches gradients off, or a loss that sets the default type, would otherwise
    change the steps, and the trials, after it.
    """
    before = _settings()
    try:
        yield
    finally:
        after = _settings()
        for field, value in before._asdict().items():
            if getattr(after, field) != value:
                _set(field, value)


def _settings() -> _Settings:
    return _Settings(
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        torch.get_deterministic_debug_mode(),
        torch.is_anomaly_enabled(),
        torch.get_float32_matmul_precision(),
    )


def _set(field: str, value: Any) -> None:  # noqa: ANN401  each field has its own type
    set_one: dict[str, Callable[[Any], object]] = {
        "dtype": torch.set_default_dtype,
        "gradients": torch.set_grad_enabled,
        "threads": torch.set_num_threads,
        "deterministic": torch.set_deterministic_debug_mode,
        "anomalies": torch.autograd.set_detect_anomaly,
        "precision": torch.set_float32_matmul_precision,
    }
    set_one[field](value)
