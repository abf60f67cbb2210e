"""The error of trials from elsewhere that cannot be read."""


class TrialsUnreadable(ValueError):
    """The content holds no trials in the form that was named; the text says why."""
