"""The error of trials from elsewhere that cannot be read."""


class TrialsUnreadable(ValueError):
    """What was sent holds no trials in the form that it was said to have; the text says why."""
