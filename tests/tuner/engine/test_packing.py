"""Packings are measured and kept for each kind of device."""

from tests.tuner.decisions.test_packing import first_orders, numbers, packed, snapshot, waiting
from tests.tuner.stored_studies import decide, searching_study, snapshot_of
from tests.tuner.stored_studies import spec as stored_spec
from tuner.engine.orders import ProbeOrder, TrainOrder
from tuner.engine.packing import DeviceKind, Packing, packing_key, packing_of
from tuner.engine.reports import Failed
from tuner.engine.slots import Capacity, Slot, capacity_of
from tuner.records.decision import Decision
from tuner.spec.states import StateReason
from tuner.storage.commits import record_report
from tuner.storage.sql.database import Database

ADAMW = "adamw"


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


def test_trials_are_packed_for_the_gpus_where_there_are_some() -> None:
    slots = [slot(0, "cpu"), slot(0, "cuda"), slot(1, "cuda")]
    assert capacity_of(slots) == Capacity(slots=2, device_kind="cuda")
    assert capacity_of(slots[:1]) == Capacity(slots=1, device_kind="cpu")


def test_an_engine_whose_slots_are_still_to_come_counts_as_one() -> None:
    assert capacity_of([]).slots == 1


def test_what_a_cpu_measured_is_measured_again_on_a_gpu() -> None:
    now = snapshot(*map(waiting, range(8)), packings=packed())
    (probe,) = first_orders(now, 1, kind="cuda")
    assert isinstance(probe, ProbeOrder)
    assert probe.device_kind == "cuda"
    (on_cpu,) = first_orders(snapshot(*map(waiting, range(8))), 1)
    assert on_cpu.id != probe.id, "the study's database has both"


def test_trials_on_a_gpu_are_packed_as_a_gpu_measured_it() -> None:
    now = snapshot(*map(waiting, range(8)), packings=packed() | packed(packing=packing("cuda")))
    (order,) = first_orders(now, 1, kind="cuda")
    assert isinstance(order, TrainOrder)
    assert order.packing == packing("cuda")


def test_a_probe_that_fails_on_a_gpu_is_not_repeated_there(database: Database) -> None:
    measured = stored_spec().model_copy(update={"packing": "measured"})
    study = searching_study(database, trials=3, study_spec=measured)
    (probe,) = first_orders(snapshot_of(database, study), 1, kind="cuda")
    decide(database, study, Decision(orders=(probe,)))
    reason = StateReason.OUT_OF_MEMORY
    with database.write() as session:
        record_report(
            session, Failed(order_id=probe.id, attempt=1, reason=reason, message="too large")
        )
    orders = first_orders(snapshot_of(database, study), 3, kind="cuda")
    assert [numbers(order) for order in orders] == [[0], [1], [2]]
