"""Define the errors of users' own data, each with the reason and the remedy."""


class DataRefused(ValueError):
    """A field of the dataset leads to what cannot be used; the message says what to change."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        """Of the dataset's record."""
