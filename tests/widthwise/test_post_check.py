"""The coordinate check of a model that the service cannot run: taken by its owner, and posted."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from tests.widthwise.running import RunningService, running_service
from tuner.coordinator.external_engine import ExternalEngine
from tuner.coordinator.reconcile import tick
from widthwise.cli.commands import app
from widthwise.client import Client
from widthwise.errors import WidthwiseError
from widthwise.external.shapes import load_functions, shapes_document, shapes_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "external" / "plain_pytorch.py"
build, loss_of, batch = load_functions(EXAMPLE, ["build", "loss_of", "batch"])


class Louder(nn.Module):
    """The example with a factor on its logits that grows with width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.factor = build(width), width / 32

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.factor * self.inner(tokens)
        return logits


def specification(build: Any, check: str = "posted") -> dict[str, Any]:  # noqa: ANN401  a function
    shapes = shapes_document(shapes_of(build, 32))
    return {
        "family": {"name": "external", "shapes": shapes, "example_tokens": 16, "check": check},
        "target": {"width": 512},
        "training": {"steps": 8, "batch_size": 16},
        "check": {"widths": [32, 64, 128, 256]},
    }


@contextmanager
def waiting_study(folder: Path, build: Any) -> Iterator[tuple[RunningService, Client, str]]:  # noqa: ANN401
    """A study that waits for its check."""
    with running_service(folder) as service, Client(service.address) as client:
        study_id = client.submit(specification(build))["id"]
        tick(service.database, ExternalEngine(service.database), 0.0)
        assert client.study(study_id)["state"] == "checking"
        yield service, client, study_id


def test_a_right_model_passes_and_its_study_begins(tmp_path: Path) -> None:
    with waiting_study(tmp_path, build) as (service, client, study_id):
        (check,) = client.post_check(study_id, build, loss_of, batch)["checks"]
        assert (check["optimizer"], check["status"]) == ("adamw", "passed"), check["summary"]
        again = client.post_check(study_id, build, loss_of, batch)
        assert again["checks"] == [check]
        tick(service.database, ExternalEngine(service.database), 0.0)
        assert client.study(study_id)["state"] == "searching"


def test_a_model_whose_logits_grow_with_width_fails_and_so_does_its_study(tmp_path: Path) -> None:
    warned = pytest.warns(UserWarning, match="factor .* follows width")
    with warned, waiting_study(tmp_path, Louder) as (service, client, study_id):
        (check,) = client.post_check(study_id, Louder, loss_of, batch)["checks"]
        assert check["status"] == "failed", check["summary"]
        tick(service.database, ExternalEngine(service.database), 0.0)
        study = client.study(study_id)
        assert study["state"] == "failed"
        assert "coordinate check failed" in study["reason"]


def test_the_command_takes_and_posts_it(tmp_path: Path) -> None:
    with waiting_study(tmp_path, build) as (service, client, study_id):
        command = ["post-check", study_id, str(EXAMPLE), "--loss", "loss_of", "--json"]
        told = CliRunner().invoke(app, [*command, "--address", service.address])
        assert told.exit_code == 0, told.output
        assert json.loads(told.output) == client.coordinate_check(study_id)


def test_another_model_than_the_studys_is_refused_by_name(tmp_path: Path) -> None:
    refused = pytest.raises(WidthwiseError, match=r"width 32.*inner\.embed")
    with waiting_study(tmp_path, build) as (_, client, study_id), refused:
        client.post_check(study_id, Louder, loss_of, batch)


def test_a_study_that_the_service_checks_itself_is_refused(tmp_path: Path) -> None:
    with running_service(tmp_path) as service, Client(service.address) as client:
        study = client.submit({"family": {"name": "gpt"}, "target": {"width": 256}})
        with pytest.raises(WidthwiseError, match="the service takes itself"):
            client.post_check(study["id"], build, loss_of, batch)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--build", "nothing"], "has no function nothing and none loss"),
        (["--loss", "loss_of", "--batch", "BASE_WIDTH"], "has no function BASE_WIDTH"),
    ],
)
def test_functions_that_are_not_there_are_named(
    service: RunningService, options: list[str], words: str
) -> None:
    command = ["post-check", "std_any", str(EXAMPLE), *options, "--address", service.address]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 1
    assert words in " ".join(told.output.split())
