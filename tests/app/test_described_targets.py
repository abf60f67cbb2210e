"""A target's own configuration over HTTP, and from the command line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from app.settings import AppSettings
from benchmarks.exports.examples import LLAMA_LIKE, shape_of
from tests.app.served import Served, serving
from tuner.storage.sql.database import open_database
from tuner.storage.sql.migration import migrate
from widthwise.cli.commands import app
from widthwise.external.target_models import target_document

CONFIG: dict[str, Any] = {
    **{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2},
    **{"num_attention_heads": 4, "intermediate_size": 172, "vocab_size": 256},
}
WIDER: dict[str, Any] = CONFIG | {"num_key_value_heads": 4, "hidden_size": 96}


def asked(served: Served, study_id: str, config: object, **fields: object) -> httpx.Response:
    body = {"target_config": config, "batch_size": 8, "tokens": 4096, **fields}
    return served.client.post(f"/v1/studies/{study_id}/recommendation", json=body)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (CONFIG | {"hidden_size": 10**30}, "hidden_size: must be from 1"),
        (CONFIG | {"hidden_size": "64"}, "hidden_size: must be a whole number"),
        (CONFIG | {"model_type": "mamba"}, "model_type: 'mamba' is none of llama"),
        ("nonsense", "names no size of a model"),
        ("[" * 5_000, "this is no JSON"),
        ([], "target_config"),
        (None, "target_config"),
    ],
    ids=["huge", "type", "architecture", "words", "deep", "list", "null"],
)
def test_a_hostile_configuration_is_a_problem_that_names_the_field(
    finished: tuple[Served, str], config: object, words: str
) -> None:
    served, study_id = finished
    answer = asked(served, study_id, config)
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert all(error["pointer"].startswith("/target_config") for error in errors)
    assert words in str(errors)


@pytest.mark.parametrize("missing", ["batch_size", "tokens"])
def test_what_no_configuration_says_is_asked_for_by_name(
    finished: tuple[Served, str], missing: str
) -> None:
    served, study_id = finished
    answer = asked(served, study_id, CONFIG, **{missing: None})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{missing}"]


def test_a_study_of_another_kind_of_model_is_said_to_have_nothing_alike(
    finished: tuple[Served, str],
) -> None:
    served, study_id = finished
    answer = asked(served, study_id, CONFIG)
    assert answer.status_code == 422
    assert "no tensor of the study's model is like" in answer.json()["errors"][0]["detail"]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A completed study of a model such as `WIDER` configures."""
    url = f"sqlite:///{tmp_path_factory.mktemp('llama') / 'widthwise.db'}"
    migrate(url)
    database = open_database(url)
    with serving(database, AppSettings()) as running:
        study_id = running.submit(family=LLAMA_LIKE, target={"width": 256}, search={"trials": 4})
        running.advance(study_id, shape=shape_of(LLAMA_LIKE))
        yield running, study_id
    database.close()


def test_every_tensor_of_the_target_gets_the_rate_of_its_own_growth(
    llama: tuple[Served, str],
) -> None:
    served, study_id = llama
    answer = asked(served, study_id, WIDER).raise_for_status().json()
    rates = {row["pattern"]: row["learning_rate"] for row in answer["tensors"]}
    base = rates["model.embed_tokens.weight"]
    assert rates["model.layers.*.self_attn.q_proj.weight"] == pytest.approx(base * 32 / 96)
    assert rates["model.layers.*.mlp.down_proj.weight"] == pytest.approx(base * 96 / 172)
    assert answer["described"]["unmapped"] == []


def command(served: Served, *words: str) -> Result:
    """What `widthwise recommend` says."""
    surroundings = {"WIDTHWISE_ADDRESS": served.address, "COLUMNS": "200"}
    return CliRunner().invoke(app, ["recommend", *words], env=surroundings)


def test_the_command_line_gives_the_same_numbers_in_every_form(
    llama: tuple[Served, str], tmp_path: Path
) -> None:
    served, study_id = llama
    config = tmp_path / "config.json"
    config.write_text(json.dumps(WIDER))
    words = [study_id, f"--target-config={config}", "--batch-size=8", "--tokens=4096"]

    def told(*options: str) -> str:
        result = command(served, *words, *options)
        assert result.exit_code == 0, result.output
        return result.stdout

    answer = asked(served, study_id, WIDER).json()
    assert json.loads(told("--format=json"))["tensors"] == answer["tensors"]
    assert "width 96" in told()
    snippet = told("--format=torch")
    assert all(repr(row["learning_rate"]) in snippet for row in answer["tensors"])


OWN = """
from transformers import LlamaConfig, LlamaForCausalLM

SIZES = dict(num_attention_heads=4, intermediate_size=172, vocab_size=256)


def build(width, depth):
    return LlamaForCausalLM(
        LlamaConfig(hidden_size=width, num_hidden_layers=depth, num_key_value_heads=4, **SIZES)
    )


def wrong(width):
    return width


def broken(width):
    raise RuntimeError("no such width")
"""


def test_a_model_of_the_readers_own_gets_the_numbers_of_its_configuration(
    llama: tuple[Served, str], tmp_path: Path
) -> None:
    served, study_id = llama
    file = tmp_path / "own.py"
    file.write_text(OWN)
    training = (study_id, "--batch-size=8", "--tokens=4096", "--format=json")

    def told(name: str, *options: str) -> str:
        return command(served, *training, f"--target-model={file}:{name}", *options).output

    by_model = json.loads(told("build", "--width=96", "--depth=2"))
    assert by_model["tensors"] == asked(served, study_id, WIDER).json()["tensors"]
    assert by_model["described"]["tied"] is False
    assert "gave a int, no torch.nn.Module" in told("wrong", "--width=96", "--depth=2")
    assert "RuntimeError: no such width" in told("broken", "--width=96", "--depth=2")
    assert "has no function nothing" in told("nothing", "--width=96", "--depth=2")
    assert "give --depth" in told("build", "--width=96")
    assert "leave out --store" in told("build", "--width=96", "--depth=2", "--store")


def test_a_task_of_the_readers_own_is_built_at_the_targets_width_without_memory(
    tmp_path: Path,
) -> None:
    file = tmp_path / "task.py"
    file.write_text(
        "import torch\n"
        "import widthwise\n"
        "class Own(widthwise.Task):\n"
        "    def model(self, width, depth):\n"
        "        table = torch.nn.Embedding(10, width)\n"
        "        readout = torch.nn.Linear(width, 10, bias=False)\n"
        "        readout.weight = table.weight\n"
        "        return torch.nn.Sequential(table, readout)\n"
    )
    told = json.loads(target_document(f"{file}:Own", 2**20, 1))
    assert told["tensors"] == [{"name": "0.weight", "shape": [10, 2**20]}]
    assert told["tied"] is True
