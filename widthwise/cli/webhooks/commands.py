"""The commands `widthwise webhooks ...`, for addresses that events are sent to."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from parametrization.text.visible import visible
from widthwise.cli.terminal import Address, AsJson, print_json, print_table, service

app = typer.Typer(no_args_is_help=True, help="Create, list, test and delete webhooks.")
WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The webhook, such as whk_4f6k...")]


@app.command()
def create(
    url: Annotated[str, typer.Argument(help="With https://.")],
    event: Annotated[
        list[str] | None, typer.Option(help="A kind of event to send; may be repeated.")
    ] = None,
    as_json: AsJson = False,
    address: Address = None,
) -> None:
    """Register an address for events.

    Prints the secret that signs them.
    """
    with service(address) as client:
        made = client.create_webhook(url, event)
        if as_json:
            print_json(made)
            return
        typer.echo(made["secret"])
        said = f"{made['id']}: the secret above is shown this once. Try it: widthwise webhooks test"
        typer.echo(f"{said} {made['id']}", err=True)


@app.command(name="list")
def list_all(as_json: AsJson = False, address: Address = None) -> None:
    """List your webhooks and their deliveries."""
    with service(address) as client:
        found = client.webhooks()
        if as_json:
            print_json({"webhooks": found})
            return
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("id", "state", "url", "last error"):
            table.add_column(name, overflow="fold")
        for one in found:
            state = "disabled" if one["disabled_at"] else f"{one['failures']} failures"
            table.add_row(
                one["id"],
                "ok" if not one["failures"] else state,
                Text(visible(one["url"])),
                Text(visible(one["last_error"] or "")),
            )
        print_table(table)


@app.command(name="test")
def ping(webhook_id: WebhookId, as_json: AsJson = False, address: Address = None) -> None:
    """Send a `ping`, and retry what is due at once."""
    with service(address) as client:
        said = client.test_webhook(webhook_id)
        if as_json:
            print_json(said)
            return
        typer.echo(
            f"{webhook_id}: a ping is on its way; `widthwise webhooks list` says how it went"
        )


@app.command()
def delete(webhook_id: WebhookId, as_json: AsJson = False, address: Address = None) -> None:
    """Delete a webhook."""
    with service(address) as client:
        client.delete_webhook(webhook_id)
        if as_json:
            print_json({"deleted": webhook_id})
            return
        typer.echo(f"{webhook_id} is deleted")
