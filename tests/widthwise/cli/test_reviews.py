"""Stored recommendations as commands show and decide about them, against a real service."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from parametrization.recommendation.content_hash import content_sha256
from widthwise.cli.commands import app
from widthwise.client import Client


@pytest.fixture
def stored(finished: tuple[str, str]) -> str:
    """Id of a recommendation that was stored for one test."""
    address, study_id = finished
    with Client(address) as client:
        return str(client.store_recommendation(study_id, width=512)["id"])


@pytest.fixture
def address(finished: tuple[str, str]) -> str:
    return finished[0]


def widthwise(*arguments: str, address: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"WIDTHWISE_ADDRESS": address})


def test_recommend_stores_what_it_shows_and_tells_the_id(
    finished: tuple[str, str], tmp_path: Path
) -> None:
    address, study_id = finished
    path = tmp_path / "recommendation.json"
    options = ("--width", "512", "--store", "--format", "json", "--output", str(path))
    shown = widthwise("recommend", study_id, *options, address=address)
    assert shown.exit_code == 0, shown.output
    name = shown.stderr.split()[2].rstrip(",")
    with Client(address) as client:
        kept = client.stored_recommendation(name)
    assert kept["sha256"] in shown.stderr
    assert content_sha256(json.loads(path.read_text())) == kept["sha256"]


def test_recommend_shows_a_stored_recommendation_in_every_form(address: str, stored: str) -> None:
    table = widthwise("recommend", stored, address=address)
    assert "width 512" in table.stdout
    python = widthwise("recommend", stored, "--format", "python", address=address)
    assert "def build_optimizer" in python.stdout


@pytest.mark.parametrize("options", [("--width", "1024"), ("--store",)])
def test_a_stored_recommendation_is_asked_for_no_other_target(
    address: str, stored: str, options: tuple[str, ...]
) -> None:
    shown = widthwise("recommend", stored, *options, address=address)
    assert shown.exit_code == 1
    assert "name its study" in shown.stderr


def test_decisions_are_listed(address: str, stored: str) -> None:
    approved = widthwise("approve", stored, "--note", "flat drift", "--by", "Ada", address=address)
    assert approved.stdout == f"{stored} is approved\n"
    refused = widthwise("reject", stored, "--note", "no", "--by", "Ada", address=address)
    assert refused.exit_code == 1
    assert "A decision stands" in refused.stderr
    listed = widthwise("recommendations", "--state", "approved", "--width", "512", address=address)
    (row,) = [line for line in listed.stdout.splitlines() if stored in line]
    assert "approved" in row
    assert "flat drift" in row
    as_json = widthwise("recommendations", "--json", address=address)
    assert stored in [one["id"] for one in json.loads(as_json.stdout)["recommendations"]]


def test_where_nothing_is_stored_the_list_says_how_to_store(address: str) -> None:
    shown = widthwise("recommendations", "--family", "mlp", address=address)
    assert "widthwise recommend ID --store" in shown.stdout
