"""`widthwise recommend`: the answer for a target, printed or written in any form."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from widthwise.cli.recommendation_view import as_text, recommendation_view
from widthwise.cli.recommendations.answer import Answer
from widthwise.cli.recommendations.described import described
from widthwise.cli.terminal import (
    Address,
    err,
    out,
    print_json,
    say_written,
    service,
    token_count,
    write_text,
)
from widthwise.client import Asked, Document
from widthwise.errors import WidthwiseError

TABLE: Final = "table"
_DOCUMENTS: Final = frozenset({TABLE, "json"})
"""Forms whose only file is the JSON document that --json asks for."""
_FORMS: Final = (
    "table, or a form of the service: json, yaml, torch, torch-multiplier-free, mup, megatron,"
    " torchtitan, hf-trainer, olmo-core, nemo-automodel, deepspeed, nanogpt-mup, muon, dion."
)


def recommend(  # noqa: PLR0913  # one parameter an option
    study_id: Annotated[
        str, typer.Argument(metavar="ID", help="The study, or a stored recommendation, rec_...")
    ],
    width: Annotated[
        int | None, typer.Option(min=1, help="Width of the target; default: the study's.")
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            min=1, help="Depth of the target, as the family counts it; default: the study's."
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Sequences or images per step of the target; default: the study's."
        ),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(
            parser=token_count,
            metavar="<int>",
            help="Tokens (or images) the target trains on, perhaps as 1e11; default: the study's.",
        ),
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="One of the study's optimizers; default: its best.")
    ] = None,
    target_config: Annotated[
        Path | None,
        typer.Option(
            help="The target's own configuration: a config.json, Megatron arguments, or a nanoGPT"
            " or torchtitan file, which is never run. Needs --batch-size and --tokens."
        ),
    ] = None,
    target_model: Annotated[
        str | None,
        typer.Option(
            metavar="FILE:NAME",
            help="The target's own model: a Task, or a callable of its width, or of width and"
            " depth. Needs --width, --depth, --batch-size and --tokens.",
        ),
    ] = None,
    form: Annotated[str, typer.Option("--format", help=_FORMS)] = TABLE,
    output: Annotated[
        Path | None,
        typer.Option(help="Write to this file, or into this directory where there are several."),
    ] = None,
    store: Annotated[
        bool, typer.Option("--store", help="Store it in the service for good, and print its id.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="One JSON document: the answer, as --format json; of another form its files; with"
            " --output the paths that were written.",
        ),
    ] = False,
    address: Address = None,
) -> None:
    """Print hyperparameters for a target, with evidence.

    The target may have any width, depth, batch and duration.
    """
    asked: Asked = {
        "width": width,
        "depth": depth,
        "batch_size": batch_size,
        "tokens": tokens,
        "optimizer": optimizer,
    }
    with service(address) as client:
        description = described(study_id, asked, target_config, target_model, store=store)
        answer = Answer(client, study_id, description.asked, store=store, config=description.text)
        if form == TABLE and not as_json:
            view = recommendation_view(answer.document)
            if output is None:
                out.print(view)
                return
            export: Document = {"files": {"recommendation.txt": as_text(view)}, "inexpressible": []}
        else:
            export = answer.export("json" if form == TABLE else form)
        _give(export, output, as_json=as_json and (output is not None or form not in _DOCUMENTS))


def _give(export: Document, output: Path | None, *, as_json: bool) -> None:
    """Print or write the files of a form; with `as_json` also the numbers they cannot express."""
    for lost in export["inexpressible"]:
        err.print(f"not expressed: {lost['what']}: {lost['consequence']}", soft_wrap=True)
    if output is not None:
        written = _write(output, export["files"])
        say_written(written, as_json=as_json, inexpressible=export["inexpressible"])
    elif as_json:
        print_json(export)
    else:
        _print(export["files"])


def _print(files: Mapping[str, str]) -> None:
    for name, text in files.items():
        if len(files) > 1:
            typer.echo(f"==> {name} <==")
        typer.echo(text.rstrip("\n"))


def _write(output: Path, files: Mapping[str, str]) -> list[Path]:
    """Write the files, and return their paths."""
    if len(files) == 1 and not output.is_dir():
        (text,) = files.values()
        write_text(output, text)
        return [output]
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WidthwiseError(f"cannot write into {output}: {error.strerror}") from error
    written = {output / Path(name).name: text for name, text in files.items()}
    for path, text in written.items():
        write_text(path, text)
    return list(written)
