"""Base shapes from base and delta models and from files, with mup as the oracle of both."""

from collections.abc import Callable
from pathlib import Path

import mup
import pytest
from torch import nn

from parametrization.nn.base_shapes import derive_model_shape, read_base_shapes, write_base_shapes
from parametrization.shapes.base_shape_files import growing_dimensions
from tests.parametrization.builders import shape_of
from tests.parametrization.nn.small_models import Gpt, Mlp


def test_meta_models_give_the_same_shape_as_real_ones() -> None:
    assert derive_model_shape(Gpt(16), Gpt(32), 16) == shape_of(Gpt, 16)


@pytest.mark.parametrize("delta_width", [16, 48, 256])
def test_any_other_width_will_do_as_delta(delta_width: int) -> None:
    assert derive_model_shape(Gpt(32), Gpt(delta_width), 32) == shape_of(Gpt, 32)


@pytest.mark.parametrize("build", [Mlp, Gpt])
def test_shapes_at_another_width_are_the_models_own(build: Callable[[int], nn.Module]) -> None:
    shape = shape_of(build, 32)
    assert {t.name: t.shape_at(3) for t in shape.tensors} == {
        name: tuple(parameter.shape) for name, parameter in build(96).named_parameters()
    }


def test_equal_base_and_delta_models_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing grows with width: build the delta model at anot"):
        derive_model_shape(Mlp(32), Mlp(32), 32)


def test_models_with_other_parameters_are_refused_with_both_lists() -> None:
    with pytest.raises(ValueError, match=r"only in the delta model: layers\.3\.bias, layers\.3\.w"):
        derive_model_shape(Mlp(32), Mlp(64, depth=4), 32)


def feed_forward(width: int, inner: int) -> nn.Module:
    return nn.Sequential(nn.Linear(3, width), nn.Linear(width, inner), nn.Linear(inner, width))


def test_a_dimension_the_delta_forgot_to_vary_is_named() -> None:
    with pytest.raises(ValueError, match=r"1\.weight of Linear.*128 \(fixed\).*in the delta model"):
        derive_model_shape(feed_forward(32, 128), feed_forward(64, 128), 32)


def test_dimensions_that_grow_at_different_rates_are_named() -> None:
    with pytest.raises(
        ValueError, match=r"(?s)proportion.*dimension 0 of 1\.weight goes from 128 to 192"
    ):
        derive_model_shape(feed_forward(32, 128), feed_forward(64, 192), 32)


def test_models_that_differ_in_more_than_width_are_refused() -> None:
    def net(layer: nn.Module) -> nn.Module:
        return nn.Sequential(nn.Linear(3, 8), layer)

    with pytest.raises(ValueError, match=r"1\.weight is \(8,\) in the base model and \(16, 8\)"):
        derive_model_shape(net(nn.LayerNorm(8)), net(nn.Linear(8, 16)), 8)


def test_a_file_written_by_us_reads_back_and_is_mups_own_format(tmp_path: Path) -> None:
    shape = shape_of(Gpt, 32)
    ours, theirs = tmp_path / "ours.bsh", tmp_path / "theirs.bsh"
    write_base_shapes(shape, ours)
    mup.make_base_shapes(Gpt(32), Gpt(64), savefile=str(theirs))
    assert read_base_shapes(ours, Gpt(128), 32) == shape
    assert read_base_shapes(theirs, Gpt(128), 32) == shape
    assert mup.load_base_shapes(str(ours)) == mup.load_base_shapes(str(theirs))


@pytest.mark.parametrize("delta_width", [16, 48, 256])
@pytest.mark.parametrize("build", [Mlp, Gpt])
def test_the_dimensions_that_grow_are_mups(
    build: Callable[[int], nn.Module], delta_width: int
) -> None:
    base, delta = (
        {name: tuple(parameter.shape) for name, parameter in build(width).named_parameters()}
        for width in (32, delta_width)
    )
    theirs = mup.make_base_shapes(build(32), build(delta_width))
    assert growing_dimensions(base, delta) == {
        name: tuple(shape.base_shape()) for name, shape in theirs.items()
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no base shapes: it is a NoneType"),
        ("- 1", "holds no base shapes: it is a list"),
        ("a: 3", "'a' is 3, and must be a list"),
        ("a: [3, x]", r"'a' is \[3, 'x'\]"),
        ("a: [true]", r"'a' is \[True\]"),
        ("a: [0]", r"'a' is \[0\]"),
        ("3: [1]", "3 is"),
        ("a: [", "is no YAML"),
        ("a: !!python/object:os.system []", "is no YAML"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.bsh"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_base_shapes(path, Mlp(32), 32)


def test_mup_takes_our_file(tmp_path: Path) -> None:
    path = tmp_path / "gpt.bsh"
    write_base_shapes(shape_of(Gpt, 32), path)
    model = Gpt(128, readout=mup.MuReadout)
    mup.set_base_shapes(model, str(path))
    infshapes = mup.get_infshapes(model)
    assert infshapes["blocks.0.up.weight"].width_mult() == 4
    assert infshapes["blocks.0.up.bias"].width_mult() == 4
    assert infshapes["readout.weight"].ninf() == 1


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mlp.bsh"
    write_base_shapes(shape_of(Mlp), path)
    with pytest.raises(ValueError, match=r"only in mlp\.bsh: layers\.0\.bias"):
        read_base_shapes(path, Gpt(32), 32)


def test_a_file_whose_dimensions_do_not_grow_together_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.bsh"
    write_base_shapes(shape_of(lambda width: feed_forward(width, 4 * width)), path)
    with pytest.raises(ValueError, match="in proportion to width"):
        read_base_shapes(path, feed_forward(64, 192), 32)
