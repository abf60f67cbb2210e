"""Packings are measured and kept for each kind of device."""

from parametrization.rules import Optimizer
from tuner.engine import DeviceKind, Packing, Slot
from tuner.packing import Capacity, capacity_of, packing_key, packing_of

ADAMW = Optimizer.ADAMW


def packing(device: str) -> Packing:
    return Packing(way="fused", least=2, most=8, speedup=2.0, device=device)


def slot(number: int, kind: DeviceKind) -> Slot:
    return Slot(name=f"{kind}-{number}", device=kind, device_kind=kind)


def test_each_kind_of_device_has_a_packing_of_its_own() -> None:
    stored = {packing_key(ADAMW, 32, kind): packing(kind) for kind in ("cpu", "cuda")}
    assert packing_of(stored, ADAMW, 32, "cpu") == packing("cpu")
    assert packing_of(stored, ADAMW, 32, "cuda") == packing("cuda")
    assert packing_of(stored, ADAMW, 64, "cpu") is None
    assert packing_of(None, ADAMW, 32, "cpu") is None


def test_a_packing_stored_without_the_device_in_its_key_is_of_the_device_that_it_names() -> None:
    stored = {"adamw/32": packing("cuda")}
    assert packing_of(stored, ADAMW, 32, "cuda") == packing("cuda")
    assert packing_of(stored, ADAMW, 32, "cpu") is None


def test_a_newer_packing_takes_the_place_of_one_without_the_device_in_its_key() -> None:
    newer = packing("cpu").model_copy(update={"most": 4})
    stored = {"adamw/32": packing("cpu"), "adamw/32/cpu": newer}
    assert packing_of(stored, ADAMW, 32, "cpu") == newer


def test_trials_are_packed_for_the_gpus_where_there_are_some() -> None:
    slots = [slot(0, "cpu"), slot(0, "cuda"), slot(1, "cuda")]
    assert capacity_of(slots) == Capacity(slots=2, device_kind="cuda")
    assert capacity_of(slots[:1]) == Capacity(slots=1, device_kind="cpu")


def test_an_engine_whose_slots_are_still_to_come_counts_as_one() -> None:
    assert capacity_of([]).slots == 1
