"""What a terminal shows of studies and recommendations."""

import io
import re
from typing import Any

import pytest
from rich.console import Console, RenderableType

from parametrization.recommendation.reading import read_recommendation
from widthwise.cli.recommendation_view import as_text, recommendation_view
from widthwise.cli.tables import studies
from widthwise.cli.terminal import print_table
from widthwise.client import Client


def shown(view: RenderableType, columns: int) -> str:
    console = Console(file=io.StringIO(), width=columns)
    with console.capture() as capture:
        console.print(view)
    return capture.get()


@pytest.fixture(scope="module")
def document(finished: tuple[str, str]) -> dict[str, Any]:
    """A recommendation beyond the widths that were measured."""
    address, study_id = finished
    with Client(address) as client:
        return client.recommendation(study_id, width=1024)


def test_a_narrow_terminal_cuts_names_and_never_ids(finished: tuple[str, str]) -> None:
    address, study_id = finished
    with Client(address) as client:
        row = dict(next(client.studies()))
    text = shown(studies([row, row | {"name": "n" * 200}]), 80)
    assert text.count(study_id) == 2
    assert text.count("completed") == 2
    assert len(text.splitlines()) == 3


@pytest.mark.parametrize("name", ["short", "n" * 300])
def test_what_is_piped_to_a_program_is_not_cut_and_not_padded(
    finished: tuple[str, str], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    address, study_id = finished
    with Client(address) as client:
        row = dict(next(client.studies())) | {"name": name}
    print_table(studies([row]))
    _, line = capsys.readouterr().out.splitlines()
    assert line.startswith(study_id)
    assert line.rstrip().endswith(name)
    assert len(line) < len(name) + 120


def shown_answer(document: dict[str, Any]) -> str:
    return as_text(recommendation_view(read_recommendation(document)))


def test_a_recommendation_leads_with_its_verdict_and_what_speaks_against_it(
    document: dict[str, Any],
) -> None:
    lines = shown_answer(document).splitlines()
    said = " ".join(lines)
    assert lines[0].startswith(
        "CAUTION: width 1024, depth 1, batch 16, for a run of 102,400 tokens (the proxies': yours"
    )
    assert said.startswith(document["headline"])
    weakest = document["reasons"][0]
    assert f"{document['headline']}   {weakest['severity']}: {weakest['words'][:40]}" in said


def test_no_percentage_is_more_precise_than_a_tenth(document: dict[str, Any]) -> None:
    rate = document["learning_rate"] | {"predicted_regret_percent": 0.05213}
    text = shown_answer(document | {"learning_rate": rate})
    assert "0.1 % of loss, averaged over the interval" in text
    assert re.findall(r"\d\.\d\d+ %", text) == []


def test_what_all_tensors_share_is_said_once(document: dict[str, Any]) -> None:
    text = shown_answer(document)
    assert text.count(f"{document['tensors'][0]['epsilon']:.3g}") == 1
    differing = [
        tensor | {"epsilon": 1e-9 * (number + 1)}
        for number, tensor in enumerate(document["tensors"])
    ]
    text = shown_answer(document | {"tensors": differing})
    assert [f"{number}e-09" in text for number in (1, 2, 3)] == [True] * 3


def test_a_rate_at_which_the_wide_model_diverges_is_said_to(document: dict[str, Any]) -> None:
    control = document["control"]
    diverging = control | {"proxy_regret": control["proxy_regret"] | {"regret_percent": None}}
    text = shown_answer(document | {"control": diverging})
    assert "the wide one diverges" in " ".join(text.split())


def test_an_answer_of_a_running_study_is_in_progress_and_judges_nothing(
    document: dict[str, Any],
) -> None:
    early = document | {"provisional": True, "state": "measuring", "check": None, "control": None}
    early |= {"evidence": document["evidence"] | {"shift_octaves": None}}
    early |= {"verdict": "in_progress", "headline": "IN PROGRESS (the study is measuring): width"}
    text = shown_answer(early)
    assert text.startswith("IN PROGRESS (the study is measuring): width\n  open so far: ")
    assert "caution" not in text
    assert "too few widths measured" in text
