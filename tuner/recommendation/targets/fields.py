"""Read fields of a foreign configuration: values in range, or an error."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from tuner.recommendation.targets.described import IllegalConfiguration

LARGEST: Final = 2**24
"""Of any size of a model: entries of one dimension."""
MOST_BLOCKS: Final = 1024
_SMALLEST: Final = 1 / LARGEST
"""Of any multiplier."""


class Fields:
    """The fields of one configuration, and which of them were read."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._read: set[str] = set()

    def size(self, *names: str, default: int | None = None, most: int = LARGEST) -> int:
        """A positive whole number, under the first of these names that is given and not null.

        Raises:
            IllegalConfiguration: if there is none and no default, or it is something else.

        """
        self._read.update(names)
        for name in names:
            value = self._given.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise IllegalConfiguration(name, f"must be a whole number, got {_shown(value)}")
            if not 1 <= value <= most:
                raise IllegalConfiguration(name, f"must be from 1 to {most}, got {_shown(value)}")
            return value
        if default is None:
            state = "is null" if names[0] in self._given else "is missing"
            words = f"{state}, and the shapes follow from it: give a whole number"
            raise IllegalConfiguration(names[0], words)
        return default

    def number(self, name: str, *, default: float) -> float:
        """A positive number.

        Raises:
            IllegalConfiguration: if it is something else.

        """
        self._read.add(name)
        value = self._given.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise IllegalConfiguration(name, f"must be a number, got {_shown(value)}")
        if not _SMALLEST <= value <= LARGEST:
            raise IllegalConfiguration(name, f"must be from 2^-24 to 2^24, got {_shown(value)}")
        return float(value)

    def sides(self, name: str, *, default: int) -> tuple[int, int]:
        """Two sides of an image: one size for both, or a list of two.

        Raises:
            IllegalConfiguration: if it is something else.

        """
        value = self._given.get(name)
        if not isinstance(value, (list, tuple)):
            side = self.size(name, default=default)
            return side, side
        self._read.add(name)
        if len(value) != 2:
            raise IllegalConfiguration(name, f"must be one size or two, got {_shown(value)}")
        pair = Fields({f"{name}/{at}": side for at, side in enumerate(value)})
        return pair.size(f"{name}/0"), pair.size(f"{name}/1")

    def entries(self, name: str, *, default: int) -> int:
        """Fields of an object.

        Raises:
            IllegalConfiguration: if it is something else, or empty.

        """
        self._read.add(name)
        value = self._given.get(name)
        if value is None:
            return default
        if not isinstance(value, Mapping) or not value:
            raise IllegalConfiguration(name, f"must be an object, got {_shown(value)}")
        return len(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """A truth value.

        Raises:
            IllegalConfiguration: if it is something else; null is not the default.

        """
        self._read.add(name)
        value = self._given.get(name, default)
        if not isinstance(value, bool):
            words = "must be true or false" if value is not None else "is null: give true or false"
            raise IllegalConfiguration(
                name, f"{words}, or leave it out for {_said(default)}; got {_shown(value)}"
            )
        return value

    def word(self, name: str, *, among: Collection[str], default: str) -> str:
        """One of a few words.

        Raises:
            IllegalConfiguration: if it is none of them.

        """
        self._read.add(name)
        value = self._given.get(name, default)
        if not isinstance(value, str) or value not in among:
            words = f"must be one of {', '.join(among)}; got {_shown(value)}"
            raise IllegalConfiguration(name, words)
        return value

    def value(self, name: str) -> Any:  # noqa: ANN401  whatever was given
        """The value as it was given; None where it was not."""
        self._read.add(name)
        return self._given.get(name)

    def left(self, names: frozenset[str]) -> tuple[str, ...]:
        """The named fields that are given, not null or false, and were not read."""
        return tuple(
            sorted(
                name for name in names - self._read if self._given.get(name) not in (None, False)
            )
        )


def divided(whole: int, parts: int, field: str, of: str) -> int:
    """Entries of one of several equal parts.

    Args:
        field: the field with the number of parts.
        of: name of the divided number.

    Raises:
        IllegalConfiguration: if they do not divide.

    """
    if whole % parts:
        words = f"{parts} does not divide {whole}, which is {of}: give one that does"
        raise IllegalConfiguration(field, words)
    return whole // parts


def _said(flag: bool) -> str:
    return "true" if flag else "false"


def _shown(value: object) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**20 else "a huge number"
    return text if len(text) <= 60 else text[:57] + "..."
