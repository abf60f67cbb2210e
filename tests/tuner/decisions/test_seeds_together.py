"""Seeds of a grid's points in one order, where slots are GPUs."""

from tests.tuner.decisions.test_packing import FUSED, numbers, snapshot, waiting
from tuner.decisions.packing import train_orders
from tuner.engine.orders import TrainOrder
from tuner.engine.packing import DeviceKind, packing_key
from tuner.engine.slots import Capacity


def test_all_seeds_of_a_grid_train_in_one_order_on_a_gpu_and_seed_by_seed_on_a_cpu() -> None:
    trials = [waiting(number, seed=number % 3) for number in range(9)]

    def of(kind: DeviceKind) -> list[list[int]]:
        packing = FUSED.model_copy(update={"least": 2, "most": 64, "device": kind})
        packings = {packing_key("adamw", 32, kind): packing}
        capacity = Capacity(slots=1, device_kind=kind)
        now = snapshot(*trials, packings=packings).model_copy(update={"capacity": capacity})
        return [numbers(order) for order in train_orders(now) if isinstance(order, TrainOrder)]

    assert [sorted(order) for order in of("cuda")] == [list(range(9))]
    assert sorted(of("cpu")) == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
