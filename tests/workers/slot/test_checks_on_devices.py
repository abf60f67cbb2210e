"""Coordinate checks train where the slot does."""

from pathlib import Path
from typing import Any

import pytest
import torch

from parametrization.nn.check.statistics import CheckedTraining
from tests.workers.specs import STUDY, hyperparameters, model_spec
from tuner.engine.orders import CheckOrder, OrderId
from tuner.engine.reports import Done
from workers.slot import orders
from workers.slot.orders import OpenCohort, carry_out
from workers.training.model_shapes import model_scalings

ORDER = CheckOrder(
    id=OrderId("ord_check"),
    study_id=STUDY,
    model=model_spec(width=32),
    optimizer="adamw",
    hyperparameters=hyperparameters("adamw", learning_rate=2.0**-12),
    batch_size=4,
    seeds=(0, 1),
)


def checked(device: str, folder: Path) -> Done:
    (report,) = carry_out(ORDER, OpenCohort(device=device), folder)
    assert isinstance(report, Done), report
    return report


def test_a_check_trains_on_the_slots_device_from_what_the_cpu_drew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here on the device without memory: a GPU's slot left its GPU idle, and used one core."""
    given: list[CheckedTraining] = []

    def noting(training: CheckedTraining, *_: Any, **__: Any) -> list[Any]:  # noqa: ANN401
        given.append(training)
        return []

    monkeypatch.setattr(orders, "coordinate_statistics", noting)
    checked("meta", tmp_path)
    (training,) = given
    model = training.build()
    assert {tensor.device.type for tensor in model.parameters()} == {"cpu"}
    scalings = model_scalings(ORDER.model, ORDER.optimizer, ORDER.hyperparameters)
    training.start(model, scalings, torch.Generator().manual_seed(0))
    assert {tensor.device.type for tensor in model.parameters()} == {"meta"}
    assert {tensor.device.type for tensor in training.batch(0, 0)} == {"meta"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_check_on_a_gpu_measures_what_one_on_the_cpu_does(tmp_path: Path) -> None:
    on_cpu, on_gpu = (checked(device, tmp_path).statistics for device in ("cpu", "cuda"))
    assert [one.tensor for one in on_gpu] == [one.tensor for one in on_cpu]
    for one, other in zip(on_gpu, on_cpu, strict=True):
        assert one.update_rms == pytest.approx(other.update_rms, rel=0.02)
        assert one.initial_rms == pytest.approx(other.initial_rms, rel=1e-5)
