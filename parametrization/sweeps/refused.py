"""Say what is wrong with a table of losses."""


class SweepRefused(ValueError):
    """A table that cannot be read, or whose rows contradict each other; the message says why."""
