"""Read the arguments of a command line, or of a script's lines, without running anything."""

import re
import shlex
from typing import Final

from tuner.recommendation.targets.described import IllegalConfiguration

_SET: Final = re.compile(r"^\s*(?:export\s+)?(\w+)=(\d{1,20})\s*(?:#.*)?$", re.MULTILINE)
_VARIABLE: Final = re.compile(r"\$\{?(\w+)\}?")
_FRACTION: Final = re.compile(r"\d{0,20}\.\d{1,20}")


def arguments(text: str) -> dict[str, object]:
    """Values by name, with `-` for `_`; True where there is none.

    Comments, the brackets of an array and continued lines are a script's own. A variable that the
    text sets to a whole number is replaced by it, another is left as it is written.

    Raises:
        IllegalConfiguration: if it is no command line.

    """
    sizes = dict(_SET.findall(text))
    joined = _VARIABLE.sub(lambda found: sizes.get(found[1], found[0]), text.replace("\\\n", " "))
    try:
        words = shlex.split(joined, comments=True)
    except ValueError as error:
        raise IllegalConfiguration("", f"this is no command line: {error}") from error
    found: dict[str, object] = {}
    for at, word in enumerate(words):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            follows = words[at + 1] if at + 1 < len(words) else "--"
            given = value if equals else None if follows.startswith(("--", ")")) else follows
            found[name.replace("_", "-")] = True if given is None else _value(given.rstrip(")"))
    return found


def _value(word: str) -> object:
    if word.isdecimal() and len(word) <= 20:
        return int(word)
    if word in ("True", "False"):
        return word == "True"
    return float(word) if _FRACTION.fullmatch(word) else word
