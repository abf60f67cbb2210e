"""The command `widthwise shapes`: the shapes of a user's own model, for a study."""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from widthwise.cli.terminal import AsJson, print_json, write_text
from widthwise.errors import WidthwiseError
from widthwise.external.shapes import load_named, read_roles, shapes_document, shapes_of


def shapes(  # noqa: PLR0913  # one parameter an option
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE:NAME", help="Builds the model of a width: gpt.py:build, or a Task."
        ),
    ],
    base_width: Annotated[
        int | None,
        typer.Option(min=1, help="Width at which multipliers are 1; default: the Task's."),
    ] = None,
    delta_width: Annotated[
        int | None, typer.Option(min=1, help="Another width; default: twice the base's.")
    ] = None,
    bsh: Annotated[
        Path | None, typer.Option(help="File of base shapes (.bsh), instead of a second width.")
    ] = None,
    roles: Annotated[
        Path | None, typer.Option(help="YAML or JSON: roles by parameter name or pattern.")
    ] = None,
    blocks: Annotated[
        list[str] | None, typer.Option(help="Pattern of tensors in residual blocks; repeatable.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a model's tensors and their roles.

    Studies of the family `external` take them.
    """
    with redirect_stdout(sys.stderr):  # the output is a document, whatever the model prints
        named = load_named(target)
        width = base_width or named.base_width
        if width is None:
            raise WidthwiseError(f"say at which width multipliers are 1: {target} --base-width 256")
        shape = shapes_of(
            named.build,
            width,
            delta_width=delta_width,
            bsh=bsh,
            roles=named.roles if roles is None else read_roles(roles),
            blocks=blocks or named.blocks,
        )
    text = json.dumps(shapes_document(shape), indent=1)
    if output is None:
        typer.echo(text)
        return
    write_text(output, f"{text}\n")
    if as_json:
        print_json({"wrote": [str(output)], "tensors": len(shape.tensors)})
    else:
        typer.echo(f"wrote {len(shape.tensors)} tensors to {output}")
