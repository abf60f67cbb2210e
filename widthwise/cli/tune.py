"""The command `widthwise tune`: from a task in a file to its target's hyperparameters."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from widthwise.address import DEFAULT_DATA_DIR
from widthwise.cli import tables
from widthwise.cli.local_service import register, service_of
from widthwise.cli.recommendation_view import recommendation_view
from widthwise.cli.spec_file import read_spec
from widthwise.cli.terminal import (
    EXIT_OF_STATE,
    INTERRUPTED,
    AsJson,
    err,
    out,
    print_json,
    said_plainly,
    token_count,
    write_text,
)
from widthwise.cli.watch import watch_study
from widthwise.client import Client, Document
from widthwise.recommendation import Recommendation

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""Of an installed task; anything else is a file."""


def tune(  # noqa: PLR0913  # one parameter an option
    task: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="FILE.py[:Task], a file with a widthwise.Task; or the name of an installed task.",
        ),
    ],
    target_width: Annotated[int, typer.Option(min=1, help="Width of the target.")],
    target_depth: Annotated[
        int | None, typer.Option(min=1, help="Depth of the target; default: the proxies'.")
    ] = None,
    target_batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Examples per step of the target; default: the proxies'."),
    ] = None,
    target_tokens: Annotated[
        int | None,
        typer.Option(
            parser=token_count,
            metavar="<int>",
            help="Tokens the target trains on, perhaps as 1e11; default: the proxies'.",
        ),
    ] = None,
    optimizer: Annotated[
        list[str] | None, typer.Option(help="Optimizer to tune; may be repeated; default: adamw.")
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials of the search.")] = None,
    steps: Annotated[int | None, typer.Option(min=8, help="Steps of every trial.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Examples per step of every trial.")
    ] = None,
    proxy_width: Annotated[
        int | None, typer.Option(min=1, help="Width to search at; default: the task's base_width.")
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option("--spec", help="YAML or JSON with further fields of the study."),
    ] = None,
    data_dir: Annotated[
        Path, typer.Option(help="Directory of all data; that of a running service to use it.")
    ] = DEFAULT_DATA_DIR,
    slots: Annotated[
        int | None, typer.Option(min=1, help="Trials at a time; default: one per core.")
    ] = None,
    output: Annotated[
        Path, typer.Option(help="File that the recommendation is written to.")
    ] = Path("recommendation.json"),
    as_json: AsJson = False,
) -> None:
    """Tune your own model, and print the answer.

    Describes and checks the model, searches and measures. Uses the service that runs on the data
    directory, or starts one until the study is over.
    """
    target = {
        "width": target_width,
        "depth": target_depth,
        "batch_size": target_batch_size,
        "tokens": target_tokens,
    }
    asked: dict[str, Any] = {
        "target": _given(**target),
        "training": _given(steps=steps, batch_size=batch_size),
        "search": _given(trials=trials),
        "proxy_width": proxy_width,
        "optimizers": [{"name": name} for name in optimizer or ()],
    }
    with said_plainly():
        further = read_spec(study) if study else {}
        shown = err if as_json else out
        family = _family(task, data_dir, shown)
        spec = _merged(further, {name: one for name, one in asked.items() if one})
        spec["family"] = {**spec.get("family", {}), "name": family}
        with service_of(data_dir, slots, shown) as (client, is_ours):
            ours = data_dir if is_ours else None
            ended = _tuned(client, spec, shown, ours)
            answer = _answered(client, ended, output) if ended["state"] == "completed" else None
            if as_json:
                print_json({"study": ended, "recommendation": answer})
            else:
                _tell(client, ended, answer, output, ours)
    raise typer.Exit(EXIT_OF_STATE[ended["state"]])


def _family(task: str, data_dir: Path, shown: Console) -> str:
    """The name that studies give the task, which is registered first if it is in a file."""
    if _NAME.fullmatch(task):
        return task
    shown.print(f"describing {task}", soft_wrap=True, highlight=False, markup=False)
    registered = register(task, data_dir)
    said = f"{registered['name']}: {registered['source']}"
    shown.print(said, soft_wrap=True, highlight=False)
    return str(registered["name"])


def _tuned(client: Client, spec: dict[str, Any], shown: Console, ours: Path | None) -> Document:
    """Submit and watch; `ours` is the directory of a service started here."""
    for reason in client.preview(spec).get("abstains", ()):  # of an older service
        shown.print(f"[yellow]the answer will abstain:[/] {escape(reason)}", soft_wrap=True)
    study: Document = client.submit(spec)
    shown.print(tables.submitted(study, client.page(study["id"])), soft_wrap=True)
    try:
        return watch_study(client, study["id"], shown, until_paused=True)
    except KeyboardInterrupt:
        err.print(
            f"\nStopped watching {study['id']}"
            + (f"; it goes on with: {_again(ours)}" if ours else "; it goes on")
        )
        raise typer.Exit(INTERRUPTED) from None


def _answered(client: Client, study: Document, output: Path) -> Document:
    """Write the answer to its file, and return it."""
    text = client.recommendation_text(study["id"], "json")
    write_text(output, text)
    answer: Document = json.loads(text)
    return answer


def _tell(
    client: Client, study: Document, answer: Document | None, output: Path, ours: Path | None
) -> None:
    if answer is not None:
        out.print(recommendation_view(Recommendation.from_document(answer).document))
        out.print(f"wrote {output}", soft_wrap=True)
    page = f"page: {client.page(study['id'])}"
    out.print(f"{page} (after `{_again(ours)}`)" if ours else page, soft_wrap=True)


def _again(data_dir: Path) -> str:
    return f"widthwise up --data-dir {data_dir}"


def _given(**fields: int | None) -> dict[str, int]:
    return {name: value for name, value in fields.items() if value is not None}


def _merged(further: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """The file's fields, replaced by those of the command line."""
    merged = dict(further)
    for name, value in asked.items():
        before = merged.get(name)
        both = isinstance(before, dict) and isinstance(value, dict)
        merged[name] = {**before, **value} if both else value  # type: ignore[dict-item]
    return merged
