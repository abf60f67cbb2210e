"""What a machine remembers of a probe is of one place: the GPU, and the slot's share of it."""

from tests.workers.specs import TINY_MLP, model_spec, training, trial_spec
from tuner.engine.orders import OrderId, ProbeOrder
from workers.packing.stored_probes import fingerprint

H100 = "NVIDIA H100 80GB HBM3"


def test_a_slot_with_another_share_of_a_gpu_measures_for_itself() -> None:
    """Half the memory holds half the trials: the packing of a whole GPU would not fit."""
    order = ProbeOrder(
        id=OrderId("ord_probe"),
        study_id="std_test",
        trial=trial_spec(model=model_spec(TINY_MLP), train=training(steps=50)),
        trials=4,
        device_kind="cuda",
    )
    places = [(H100, 80 * 10**9), (H100, 40 * 10**9), ("NVIDIA H200", 80 * 10**9), ("a-host",)]
    assert len({fingerprint(order, 4, place) for place in places}) == len(places)
    assert fingerprint(order, 4, places[0]) == fingerprint(order, 4, places[0])
