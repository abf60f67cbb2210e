"""Settings of torch that a user's code changes are restored after each call."""

from collections.abc import Callable

import pytest
import torch

from parametrization.nn.check.settings import kept_settings

CHANGES: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "default type": (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype),
    "gradients": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
    "threads": (lambda: torch.set_num_threads(3), torch.get_num_threads),
    "determinism": (
        lambda: torch.use_deterministic_algorithms(True, warn_only=True),
        torch.get_deterministic_debug_mode,
    ),
    "anomalies": (lambda: torch.autograd.set_detect_anomaly(True), torch.is_anomaly_enabled),
    "precision": (
        lambda: torch.set_float32_matmul_precision("medium"),
        torch.get_float32_matmul_precision,
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_setting_is_as_before_after_a_call_that_raises(kind: str) -> None:
    change, setting = CHANGES[kind]
    before = setting()

    def misbehave() -> None:
        change()
        assert setting() != before
        raise ValueError("the user's own")

    with kept_settings():  # of this process, whatever becomes of the test
        with pytest.raises(ValueError, match="the user's own"), kept_settings():
            misbehave()
        assert setting() == before
