"""`widthwise analyse`: a table in, an answer out, no service asked."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.widthwise.running import RunningService
from tests.widthwise.sweeps.tables import steady, sweep_rows, write_csv
from widthwise.cli.commands import app
from widthwise.client import Client


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "sweep.csv", sweep_rows(steady))


def test_an_answer_has_verdict_rate_and_the_optimum_of_every_width(sweep: Path) -> None:
    ran = CliRunner().invoke(app, ["analyse", str(sweep), "--target-width", "1024"])

    assert ran.exit_code == 0, ran.output
    assert ran.output.startswith("RECOMMEND: width 1024; learning rate 0.02")
    for width in ("64", "128", "256"):
        assert f" {width}  " in ran.output
    assert "octaves a doubling of width" in ran.output


def test_json_is_one_document(sweep: Path) -> None:
    ran = CliRunner().invoke(app, ["analyse", str(sweep), "--target-width", "1024", "--json"])

    document = json.loads(ran.output)
    assert document["columns"] == {
        "width": "width",
        "learning_rate": "lr",
        "loss": "loss",
        "seed": "seed",
    }
    (answer,) = document["analyses"]
    assert (answer["verdict"], answer["target_width"]) == ("recommend", 1024)
    probabilities = [at["probability"] for at in answer["prediction"]["quantiles"]]
    assert probabilities == sorted(probabilities)


def test_a_plot_is_drawn_of_one_sweep_and_refused_of_several(sweep: Path, tmp_path: Path) -> None:
    picture = tmp_path / "sweep.png"
    ran = CliRunner().invoke(
        app, ["analyse", str(sweep), "--target-width", "1024", "--plot", str(picture)]
    )
    assert ran.exit_code == 0, ran.output
    assert picture.read_bytes().startswith(b"\x89PNG")

    several = write_csv(
        tmp_path / "several.csv",
        [{"epoch": epoch, **row} for epoch in (1, 2) for row in sweep_rows(steady)],
    )
    refused = CliRunner().invoke(
        app, ["analyse", str(several), "--target-width", "1024", "--plot", str(picture)]
    )
    assert refused.exit_code == 1
    assert "the table holds 2 sweeps, by epoch" in refused.output


def test_a_table_that_cannot_be_read_is_said_plainly(tmp_path: Path) -> None:
    path = tmp_path / "sweep.csv"
    path.write_text("lr,loss\n0.1,1\n")

    ran = CliRunner().invoke(app, ["analyse", str(path), "--target-width", "1024"])

    assert ran.exit_code == 1
    assert "no column is the width" in ran.output


def test_a_sweep_is_stored_as_a_study_where_that_is_asked(
    sweep: Path, service: RunningService, client: Client
) -> None:
    arguments = ["analyse", str(sweep), "--target-width", "1024", "--submit", "--json"]
    ran = CliRunner().invoke(app, arguments, env={"WIDTHWISE_ADDRESS": service.address})
    assert ran.exit_code == 0, ran.output
    document = json.loads(ran.stdout)
    ((study_id, page),) = document["stored"].items()
    assert page == client.page(study_id)
    assert client.study(study_id)["state"] == "completed"
    assert client.sweep(study_id)["prediction"] == document["analyses"][0]["prediction"]
