"""The command `widthwise post-check`: a coordinate check of a user's own model."""

from pathlib import Path
from typing import Annotated

import typer

from widthwise.cli.terminal import Address, AsJson, out, print_json, service
from widthwise.external.shapes import load_functions


def post_check(
    study_id: Annotated[
        str, typer.Argument(metavar="ID", help="A study of the family `external`.")
    ],
    file: Annotated[
        Path, typer.Argument(metavar="FILE.py", help="Source file with the functions named below.")
    ],
    build: Annotated[str, typer.Option(help="build(width): the model.")] = "build",
    loss: Annotated[str, typer.Option(help="loss(model, batch): a scalar, the mean.")] = "loss",
    batch: Annotated[
        str, typer.Option(help="batch(seed, step, examples): the same at every width.")
    ] = "batch",
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Take a study's coordinate check on your own model.

    Posts its statistics. Runs the file's code in this process. Exit status: 0 passed, 1 failed,
    2 undecided.
    """
    with service(address) as client:
        functions = load_functions(file, [build, loss, batch])
        found = client.post_check(study_id, *functions)
    checks = found["checks"]
    if as_json:
        print_json(found)
    else:
        for check in checks:
            out.print(f"{check['optimizer']}: {check['status']}. {check['summary'] or ''}".strip())
    statuses = {check["status"] for check in checks}
    raise typer.Exit(1 if "failed" in statuses else 0 if statuses == {"passed"} else 2)
