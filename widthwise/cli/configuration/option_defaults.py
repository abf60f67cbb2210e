"""Default values of options from the configuration file."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from widthwise.configuration.file import Configuration
from widthwise.errors import WidthwiseError

SERVICE_COMMANDS: Final = frozenset({"up", "keys"})
"""Commands that start or administer the service; their settings come from the environment."""


def option_defaults(said: Configuration, group: Any) -> dict[str, Any]:  # noqa: ANN401
    """Values of options by command and parameter, for the context of the whole command line.

    Args:
        said: the configuration file.
        group: the command that all others belong to.

    Raises:
        WidthwiseError: if the file names a command or an option that does not exist.

    """
    return dict(_of_group(said, group, said.commands, ""))


def _of_group(
    said: Configuration,
    group: Any,  # noqa: ANN401  as typer makes it
    tables: Mapping[str, Any],
    within: str,
) -> Iterator[tuple[str, dict[str, Any]]]:
    known = {name: one for name, one in group.commands.items() if name not in SERVICE_COMMANDS}
    for name, table in tables.items():
        where = f"{within}{name}"
        if name not in known or not isinstance(table, dict):
            raise WidthwiseError(
                f"{said.path}: [{where}] is no command whose options can be set here: use one of"
                f" {', '.join(f'{within}{one}' for one in known)}"
            )
        command = known[name]
        if hasattr(command, "commands"):
            yield name, dict(_of_group(said, command, table, f"{where}."))
        else:
            yield name, _of_command(said, command, table, where)


def _of_command(
    said: Configuration,
    command: Any,  # noqa: ANN401  as typer makes it
    table: Mapping[str, Any],
    where: str,
) -> dict[str, Any]:
    known = {
        option.removeprefix("--"): parameter
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    values = {}
    for written, value in table.items():
        parameter = known.get(written.replace("_", "-"))
        if parameter is None:
            raise WidthwiseError(
                f"{said.path}: {where}.{written} is no option of `widthwise"
                f" {where.replace('.', ' ')}`; those are {', '.join(known)}"
            )
        values[parameter.name] = _as_typed(value, many=parameter.multiple)
    return values


def _as_typed(value: Any, *, many: bool) -> Any:  # noqa: ANN401  whatever TOML has
    """The value as the command line would have it: texts, which the option reads, and flags."""
    if many:
        return [str(one) for one in (value if isinstance(value, list) else [value])]
    return value if isinstance(value, bool) else str(value)
