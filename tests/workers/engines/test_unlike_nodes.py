"""A cluster of unlike machines: each says what it is, and packs trials by its own probe."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.workers.specs import TINY_MLP, model_spec, train_order, training, trial_spec
from tuner.engine.orders import OrderId, ProbeOrder, TrainOrder
from tuner.engine.packing import SOLO, Packing
from tuner.engine.reports import Done
from workers.engines.ray_engine import RayEngine
from workers.engines.ray_nodes import LocalCluster
from workers.packing.device_packing import probes_in
from workers.packing.stored_probes import Probed, memory_of, remember
from workers.slot.orders import OpenCohort, carry_out

pytestmark = [pytest.mark.slow, pytest.mark.ray]

STEPS, CORES = 12, 4
TRIALS = [
    trial_spec(number=number, model=model_spec(TINY_MLP), train=training(steps=STEPS))
    for number in range(4)
]
FUSED = Packing(way="fused", least=2, most=4, device="cpu", device_name="fast")


@pytest.fixture
def engine(joined_ray: LocalCluster, tmp_path: Path) -> Iterator[RayEngine]:
    """A slot on every core of the cluster: two nodes call themselves fast and slow."""
    engine = RayEngine(tmp_path / "cluster", slots=CORES)
    while any(slot.problem for slot in engine.slots()):
        assert engine.wait(0.1) == []
    yield engine
    engine.close()


def order_of(packing: Packing, number: int = 0) -> TrainOrder:
    order = train_order(*TRIALS, name=f"ord_{number}", rungs=(STEPS,))
    return order.model_copy(update={"packing": packing})


def losses(done: Done) -> list[float]:
    return [value for trial in done.trials for one in trial.curves for value in one.values]


def test_slots_say_what_their_machines_are(engine: RayEngine) -> None:
    words = sorted(slot.device_words for slot in engine.slots())
    assert words == ["cpu fast", "cpu fast", "cpu slow", "cpu slow"]


def test_a_packing_that_one_kind_measured_is_not_used_on_the_other(
    engine: RayEngine, tmp_path: Path
) -> None:
    """The slow kind remembers that such trials train best one by one, to the very bits."""
    asked = ProbeOrder(
        id=OrderId("ord_probe"), study_id="std_test", trial=TRIALS[0], trials=4, device_kind="cpu"
    )
    known = Probed(solo_seconds=0.2, packing=SOLO.model_copy(update={"speedup": 0.9}))
    remember(memory_of(asked, 4, "cpu", probes_in(tmp_path / "cluster", "slow")), known)
    kinds: dict[str, str] = {}
    for number in range(CORES):
        engine.start(order_of(FUSED, number))
    for slot in engine.slots():
        assert slot.busy_with is not None
        kinds[slot.busy_with] = slot.accelerator
    found: dict[str, list[list[float]]] = {"fast": [], "slow": []}
    while sum(map(len, found.values())) < CORES:
        for report in engine.wait(PATIENCE_SECONDS):
            assert isinstance(report, Done), report
            found[kinds[report.order_id]].append(losses(report))
    (alone,) = carry_out(order_of(SOLO), OpenCohort(), tmp_path / "alone")
    (together,) = carry_out(order_of(FUSED), OpenCohort(accelerator="fast"), tmp_path / "together")
    assert isinstance(alone, Done)
    assert isinstance(together, Done)
    assert losses(alone) != losses(together)
    assert found == {"slow": [losses(alone)] * 2, "fast": [losses(together)] * 2}
