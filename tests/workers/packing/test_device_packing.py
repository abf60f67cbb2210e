"""A device packs trials by its own probe, whichever model was asked first."""

from pathlib import Path

import pytest

from tests.workers.specs import TINY_MLP, model_spec, train_order, training, trial_spec
from tuner.engine.orders import OrderId, ProbeOrder, TrainOrder
from tuner.engine.packing import SOLO, Packing
from tuner.engine.reports import Done
from workers.cohort.programs import Programs
from workers.device.device_name import device_name
from workers.packing import device_packing
from workers.packing.device_packing import packing_here, probes_in
from workers.packing.kept_cohort import KeptCohort
from workers.packing.stored_probes import Probed, memory_of, remember
from workers.slot.orders import OpenCohort, carry_out

OURS, OTHER = "NVIDIA H100 80GB HBM3", "NVIDIA L4"
STEPS = 12
TRIALS = [
    trial_spec(number=number, model=model_spec(TINY_MLP), train=training(steps=STEPS))
    for number in range(4)
]


def packed_as(packing: Packing) -> TrainOrder:
    return train_order(*TRIALS, rungs=(STEPS,)).model_copy(update={"packing": packing})


def fused(device_name: str, most: int = 4) -> Packing:
    return Packing(way="fused", least=2, most=most, device="cpu", device_name=device_name)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Packing:
    """What a GPU named OURS remembers of the shape: trials train best one by one."""
    monkeypatch.setattr(device_packing, "device_name", lambda device, accelerator: OURS)
    packing = SOLO.model_copy(update={"speedup": 0.9})
    asked = ProbeOrder(
        id=OrderId("ord_probe"), study_id="std_test", trial=TRIALS[0], trials=4, device_kind="cuda"
    )
    known = Probed(solo_seconds=0.2, packing=packing)
    remember(memory_of(asked, 4, "cpu", tmp_path), known)
    return packing


def here(order: TrainOrder, folder: Path) -> Packing:
    return packing_here(order, Programs(), KeptCohort(), folder, "cpu")


def test_another_gpus_packing_is_replaced_by_what_this_one_measured(
    own: Packing, tmp_path: Path
) -> None:
    assert here(packed_as(fused(OTHER)), tmp_path) == own


@pytest.mark.parametrize(
    "packing",
    [fused(OURS), fused(""), SOLO.model_copy(update={"device_name": OTHER})],
    ids=["its own", "nobody's", "one by one"],
)
def test_any_other_packing_is_kept(own: Packing, tmp_path: Path, packing: Packing) -> None:
    assert here(packed_as(packing), tmp_path) == packing


def test_trials_train_by_their_own_gpus_packing(own: Packing, tmp_path: Path) -> None:
    """One by one, to the very bits."""

    def losses(order: TrainOrder) -> list[float | None]:
        (done,) = carry_out(order, OpenCohort(), tmp_path)
        assert isinstance(done, Done)
        return [value for trial in done.trials for one in trial.curves for value in one.values]

    alone = losses(packed_as(SOLO))
    assert losses(packed_as(fused(OTHER))) == alone
    assert losses(packed_as(fused(OURS))) != alone


def test_probes_of_machines_that_share_a_name_are_kept_by_kind(tmp_path: Path) -> None:
    asked = ProbeOrder(
        id=OrderId("ord_probe"), study_id="std_test", trial=TRIALS[0], trials=4, device_kind="cpu"
    )
    known = Probed(solo_seconds=0.2, packing=SOLO.model_copy(update={"speedup": 0.9}))
    remember(memory_of(asked, 4, "cpu", probes_in(tmp_path, "slow")), known)
    order = packed_as(fused("fast"))
    assert packing_here(order, Programs(), KeptCohort(), tmp_path, "cpu", "slow") == known.packing
    assert packing_here(order, Programs(), KeptCohort(), tmp_path, "cpu", "fast") == order.packing


def test_a_processor_is_named_by_its_owner_before_its_maker() -> None:
    assert device_name("cpu", "spot") == "spot"
    assert device_name("cpu")
