"""Summaries over a model's repeated blocks."""

from parametrization.shapes.like_tensors import tensor_families
from parametrization.shapes.roles import Role, TensorShape


def matrix(name: str, role: Role) -> TensorShape:
    return TensorShape(name, role, (64, 64), (True, True), 1, 0)


def test_like_tensors_of_blocks_are_one_family_and_others_keep_their_names() -> None:
    shape = (
        matrix("layers.0.weight", Role.INPUT),
        matrix("layers.1.weight", Role.HIDDEN),
        matrix("layers.2.weight", Role.HIDDEN),
        matrix("2.mixer.10.weight", Role.HIDDEN),
        matrix("3.mixer.11.weight", Role.HIDDEN),
        matrix("fc1.weight", Role.HIDDEN),
    )
    assert [family.name for family in tensor_families(shape)] == [
        "layers.0.weight",
        "layers.*.weight",
        "*.mixer.*.weight",
        "fc1.weight",
    ]
