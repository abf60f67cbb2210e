"""What `import widthwise` gives: names that load when they are used, and own models in a call."""

import ast
import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

import widthwise
from parametrization.nn.base_shapes import derive_model_shape
from tests.parametrization.nn.small_models import Gpt, Mlp, cross_entropy, image_batch
from tests.widthwise.test_recommendation import document
from widthwise.errors import WidthwiseError

STUB = Path(widthwise.__file__ or "").with_suffix(".pyi")


def test_every_name_is_what_its_own_module_defines() -> None:
    for name in widthwise.__all__:
        found = getattr(widthwise, name)
        assert found.__name__ == name
        assert name in dir(widthwise)


def test_type_checkers_are_told_the_same_names() -> None:
    told = {
        alias.asname or alias.name
        for node in ast.parse(STUB.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told == set(widthwise.__all__)


def test_the_version_is_that_of_the_distribution() -> None:
    assert widthwise.__version__ == importlib.metadata.version("widthwise")


def test_an_unknown_name_is_refused_by_it() -> None:
    with pytest.raises(AttributeError, match="'widthwise' has no attribute 'Clinet'"):
        getattr(widthwise, "Clinet")  # noqa: B009  a typing mistake on purpose


def test_neither_the_package_nor_its_client_loads_torch() -> None:
    script = (
        "import sys, widthwise; widthwise.Client; widthwise.Task; widthwise.Role;"
        " print('torch' in sys.modules, 'shape' in dir(widthwise))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == ["False", "True"]


def test_shapes_come_from_a_builder_or_from_two_models() -> None:
    expected = derive_model_shape(Gpt(32), Gpt(64), 32)
    assert widthwise.shape(Gpt, 32) == expected
    assert widthwise.shape(Gpt, 32, device="meta") == expected
    assert widthwise.shape(Gpt(32), 32, delta=Gpt(48)) == expected


def test_a_model_without_its_delta_is_refused_with_both_ways_out() -> None:
    with pytest.raises(
        ValueError, match="delta is missing: give the same model at another width, o"
    ):
        widthwise.shape(Gpt(32), 32)
    with pytest.raises(ValueError, match="delta goes with a model"):
        widthwise.shape(Gpt, 32, delta=Gpt(48))


def test_building_for_shapes_leaves_the_readers_random_numbers_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    widthwise.shape(Gpt, 32)
    assert torch.equal(torch.rand(2), expected)


class Louder(Mlp):
    """Its activations grow with width, which no rule allows for."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = functional.relu(layer(x)) * (len(layer.weight) / 64) ** 0.5  # type: ignore[arg-type]  # a Module's
        logits: torch.Tensor = self.readout(x)
        return logits


@pytest.mark.slow
@pytest.mark.parametrize(("build", "passed"), [(Mlp, True), (Louder, False)])
def test_a_model_is_checked_in_one_call(build: Callable[[int], nn.Module], passed: bool) -> None:
    verdict = widthwise.check(
        build, cross_entropy, image_batch, base_width=64, widths=(64, 128, 256)
    )
    assert verdict.passed is passed, verdict.summary
    assert "readout.weight" in {one.tensor for one in verdict.tensors}


def test_a_description_is_a_table_with_one_line_for_all_blocks() -> None:
    shape = widthwise.shape(Gpt, 32)
    described = widthwise.describe(shape, Gpt(128), width=128)
    assert [one.name for one in described] == [name for name, _ in Gpt(128).named_parameters()]
    lines = str(described).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        *("tokens.weight", "positions.weight", "blocks.*.attn_norm.weight"),
        *("blocks.*.mlp_norm.weight", "blocks.*.attn.qkv.weight", "blocks.*.attn.out.weight"),
        *("blocks.*.up.weight", "blocks.*.up.bias", "blocks.*.down.weight"),
        *("blocks.*.down.bias", "norm.weight", "readout.weight"),
    ]
    hidden = next(one for one in described if one.name == "blocks.0.up.weight")
    assert hidden.learning_rate == 0.25  # of the rate that will be tuned


def test_blocks_whose_numbers_differ_are_not_one_line() -> None:
    class Tapered(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(width, n * width) for n in (2, 2, 3))

    lines = str(widthwise.describe(widthwise.shape(Tapered, 16))).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        *("layers.*.weight", "layers.*.bias", "layers.2.weight", "layers.2.bias")
    ]


def test_a_recommendation_is_loaded_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(document()))
    assert widthwise.load(path) == widthwise.Recommendation.from_document(document())
    assert widthwise.load(str(path)).width == 64
    with pytest.raises(WidthwiseError, match="is for one target: width can be asked of a study"):
        widthwise.load(path, width=128)


@pytest.mark.slow
def test_a_recommendation_is_loaded_from_the_service(finished: tuple[str, str]) -> None:
    address, study_id = finished
    loaded = widthwise.load(study_id, address=address, width=512)
    assert loaded.width == 512
    assert loaded.optimizer == "adamw"
