"""The commands that show a study, its trials, the queue and the workers."""

from collections.abc import Iterable
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from parametrization.text.visible import visible
from widthwise.cli.progress import progress_line
from widthwise.cli.terminal import (
    Address,
    AsJson,
    StudyId,
    out,
    print_json,
    print_table,
    service,
)

_NOTHING: Final = "—"


def show(study_id: StudyId, as_json: AsJson = False, address: Address = None) -> None:
    """Show a study: state, progress, reason, page."""
    with service(address) as client:
        study = client.study(study_id)
        if as_json:
            print_json(study)
            return
        for line in (
            f"{study['id']} {study['spec']['name']}".rstrip(),
            progress_line(study),
            study["reason"] or study["problem"] or study["pending_reason"] or "",
            client.page(study_id),
        ):
            if line:
                out.print(visible(line), soft_wrap=True, markup=False, highlight=False)


def trials(
    study_id: StudyId,
    state: Annotated[
        list[str] | None, typer.Option(help="Only those in this state; may be repeated.")
    ] = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """List a study's trials by number."""
    with service(address) as client:
        found = client.trials(study_id)
        listed = [one for one in found["trials"] if not state or one["state"] in state]
        if as_json:
            print_json({"study_id": study_id, "trials": listed})
            return
        names = ("no.", "purpose", "optimizer", "rules", "width", "seed", "rate at base")
        rows = (
            (
                *(one["number"], one["purpose"], one["optimizer"], one["parametrization"]),
                *(one["width"], one["seed"], _number(one["hyperparameters"].get("learning_rate"))),
                *(_state(one), one["step"], _number(one["value"])),
            )
            for one in listed
        )
        print_table(_table((*names, "state", "step", "value"), rows))


def queue(as_json: AsJson = False, address: Address = None) -> None:
    """List the studies that hold slots or wait for them.

    Those that wait have the reason.
    """
    with service(address) as client:
        found = client.queue()
        if as_json:
            print_json(found)
            return
        names = ("study", "turn", "slots", "priority", "waits for")
        rows = (
            (
                *(one["study_id"], one["position"], one["running"], one["priority"]),
                one["pending_reason"],
            )
            for one in found["places"]
        )
        print_table(_table(names, rows))
        if found["problem"]:
            out.print(visible(found["problem"]), style="yellow", markup=False)


def workers(as_json: AsJson = False, address: Address = None) -> None:
    """List the workers, with the state and the study of each."""
    with service(address) as client:
        found = client.workers()
        if as_json:
            print_json(found)
            return
        rows = (
            (one["name"], one["device"], *(one["words"][at] for at in _WORDS))
            for one in found["workers"]
        )
        print_table(_table(("name", "device", "state", "works on", "heard of"), rows))


_WORDS: Final = ("state", "works_on", "heard_of")


def _table(names: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(_NOTHING if at is None else str(at))) for at in row))
    return table


def _state(trial: dict[str, Any]) -> str:
    reason = trial["state_reason"]
    return f"{trial['state']} ({reason})" if reason else str(trial["state"])


def _number(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.4g}"
