"""The commands that compare studies and the answers of all studies."""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from parametrization.text.rounding import significant
from parametrization.text.visible import visible
from widthwise.cli.terminal import (
    Address,
    AsJson,
    out,
    print_json,
    print_table,
    service,
    token_count,
)

Width = Annotated[int | None, typer.Option(help="Width of the target; default: each study's own.")]
Tokens = Annotated[
    int | None,
    typer.Option(
        parser=token_count,
        metavar="<int>",
        help="Tokens that the target trains on, perhaps as 1e11; default: each study's own.",
    ),
]
ForOptimizer = Annotated[str | None, typer.Option("--optimizer", help="Optimizer to answer for.")]


def diff(
    study_ids: Annotated[list[str], typer.Argument(metavar="ID ID...", help="Two to ten studies.")],
    width: Width = None,
    tokens: Tokens = None,
    optimizer: ForOptimizer = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Compare studies: their differing fields, their answers."""
    with service(address) as client:
        found = client.compare(*study_ids, width=width, tokens=tokens, optimizer=optimizer)
        if as_json:
            print_json(found)
            return
        studies = {one["study"]["id"]: one for one in found["studies"]}
        table = _columns("", *studies)
        for each in found["differences"]:
            cells = (_cell(each["values"].get(study_id, "—")) for study_id in studies)
            table.add_row(each["pointer"].lstrip("/").replace("/", "."), *cells)
        table.add_section()
        answers = [one["answer"] for one in studies.values()]
        table.add_row("verdict", *("none" if one is None else one["verdict"] for one in answers))
        table.add_row("learning rate at base", *map(_rate, answers))
        print_table(table)
        for study_id, one in studies.items():
            if said := one["problem"] or (one["change"] and one["change"]["words"]):
                out.print(Text(f"{study_id}: {said}"), soft_wrap=True)


def search(
    family: Annotated[str | None, typer.Option(help="Model family of the studies.")] = None,
    optimizer: ForOptimizer = None,
    width: Width = None,
    tokens: Tokens = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """List the answer of every completed study for a target."""
    with service(address) as client:
        found = client.search(family=family, optimizer=optimizer, width=width, tokens=tokens)
        listed = list(found)
        if as_json:
            print_json({"answers": listed})
            return
        table = _columns("study", "model", "width", "verdict", "learning rate at base")
        for one in listed:
            answer = one["answer"]
            target = "—" if answer is None else str(answer["target"]["width"])
            verdict = one["problem"] if answer is None else answer["verdict"]
            table.add_row(one["study_id"], one["family"], target, Text(verdict), _rate(answer))
        print_table(table)


def _columns(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _rate(answer: dict[str, Any] | None) -> str:
    if answer is None:
        return "—"
    rate = significant(answer["learning_rate"], answer["digits"])
    return f"{rate} ± {answer['half_width_octaves']:.2f} octaves"


def _cell(value: object) -> Text:
    return Text(visible(str(value)))
