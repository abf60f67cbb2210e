"""Places of the slots of one machine."""

from workers.engines.local import places


def test_slots_on_a_gpu_share_its_memory() -> None:
    made = places(5, gpus=2)
    assert [place.device for place in made] == [f"cuda:{number}" for number in (0, 1, 0, 1, 0)]
    assert len({place.name for place in made}) == 5
    for device in ("cuda:0", "cuda:1"):
        assert sum(place.device_share for place in made if place.device == device) <= 1


def test_without_gpus_slots_are_on_the_cores() -> None:
    assert {place.device for place in places(2, gpus=0)} == {"cpu"}
