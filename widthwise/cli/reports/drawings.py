"""The commands that draw a study's measurements."""

from pathlib import Path
from typing import Annotated

import typer

from widthwise.cli.terminal import Address, AsJson, StudyId, say_written, service
from widthwise.recommendation import Recommendation

Picture = Annotated[Path, typer.Option(help="PNG file to write.")]


def plot(
    study_id: StudyId,
    output: Picture,
    optimizer: Annotated[
        str | None, typer.Option(help="One of the study's optimizers; default: its first.")
    ] = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Draw the measured loss against learning rate by width."""
    with service(address) as client:
        from widthwise.plots.sensitivity import draw_transfer  # here: it needs matplotlib

        draw_transfer(client.sensitivity(study_id), output, optimizer=optimizer)
        say_written([output], as_json=as_json)


def compare(
    study_id: StudyId, output: Picture, as_json: AsJson = False, address: Address = None
) -> None:
    """Draw loss and parameter norm per step, by optimizer.

    Each is drawn at its best measured rate.
    """
    with service(address) as client:
        from widthwise.plots import training  # here: it needs matplotlib

        answer = Recommendation.from_document(client.recommendation(study_id))
        best = training.best_rates(answer.document)
        numbers = [number for chosen in best.values() for number in chosen.numbers]
        curves = client.curves(study_id, numbers=numbers, metrics=list(training.PANELS))
        training.draw_training(best, curves, output)
        say_written([output], as_json=as_json)
