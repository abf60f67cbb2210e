"""The ways as a transcript: everything that was typed and printed, with times."""

from collections.abc import Mapping

from benchmarks.own_ways.terminal import Action
from benchmarks.own_ways.ways import WAYS, Gone


def transcript(gone: Mapping[str, Gone]) -> str:
    """Every way in Markdown."""
    return "\n".join(_way(name, one) for name, one in gone.items())


def _way(name: str, gone: Gone) -> str:
    actions = "\n".join(
        _action(number, action) for number, action in enumerate(gone.actions, start=1)
    )
    return f"## {name}: {WAYS[name].words}\n\n{actions}"


def _action(number: int, action: Action) -> str:
    took = "" if action.seconds is None else f" ({action.seconds:.1f} s)"
    heading = f"### {number}. {action.words}{took}\n\n"
    if action.kind == "edit":
        return f"{heading}```\n{action.typed.rstrip()}\n```\n"
    printed = "".join(f"{seconds:7.1f} s  {line}\n" for seconds, line in action.printed)
    return f"{heading}```\n$ {action.typed}\n{printed}```\n"
