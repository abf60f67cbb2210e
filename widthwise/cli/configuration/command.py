"""The command `widthwise config`: the service and key in use, and their source."""

from rich.table import Table
from rich.text import Text

from parametrization.text.visible import visible
from widthwise.cli.terminal import Address, AsJson, out, print_json, said_plainly
from widthwise.configuration.chosen import chosen_service
from widthwise.configuration.file import read_configuration

_SHOWN_OF_A_KEY = 8


def config(as_json: AsJson = False, address: Address = None) -> None:
    """Show the configuration file, service and key in use.

    Service and key have their source.
    """
    with said_plainly():
        said, chosen = read_configuration(), chosen_service(address)
    key = chosen.api_key.value
    document = {
        "file": str(said.path),
        "is_there": said.is_there,
        "address": chosen.address._asdict(),
        "api_key": {
            "prefix": key[:_SHOWN_OF_A_KEY] if key else None,
            "source": chosen.api_key.source,
        },
        "commands": said.commands,
    }
    if as_json:
        print_json(document)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_row("file", str(said.path) + ("" if said.is_there else " (not written)"))
    table.add_row("address", f"{chosen.address.value}, {_from(chosen.address.source)}")
    shown = f"{key[:_SHOWN_OF_A_KEY]}..., {_from(chosen.api_key.source)}"
    table.add_row("key", Text(visible(shown if key else chosen.api_key.source)))
    for name, options in said.commands.items():
        table.add_row(name, Text(visible(", ".join(f"{k} = {v!r}" for k, v in options.items()))))
    out.print(table)


def _from(source: str) -> str:
    return source if source == "given" else f"from {source}"
