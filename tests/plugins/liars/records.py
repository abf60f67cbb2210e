"""Records as packages declare them, some of them wrong."""

from typing import ClassVar, Final, Literal

from tuner.spec.datasets.dataset import Dataset, Text


class Verses(Text):
    """Lines of poems."""

    loader: ClassVar = "verses.loading:load"
    vocabulary: ClassVar = 64

    name: Literal["verses"]
    poet: str = "everybody"
    """Whose."""


class Digits(Text):
    """Of a name that widthwise's own has."""

    loader: ClassVar = "verses.loading:load"
    vocabulary: ClassVar = 10

    name: Literal["digits"]


class Nameless(Text):
    """With any name."""

    loader: ClassVar = "verses.loading:load"
    vocabulary: ClassVar = 64


class Packaged(Dataset):
    """With a field of widthwise's own."""

    loader: ClassVar = "verses.loading:load"

    name: Literal["packaged"]
    plugin: str = "mine"


NUMBER: Final = 3
