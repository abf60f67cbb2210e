"""A cell of the sweep over axes: depth, batch and duration of trials beside the study's own."""

from parametrization.recommendation.record import Record


class Cell(Record):
    """Depth, batch and updates that a trial trains with, and the multipliers of the rules."""

    depth: int
    batch_size: int
    steps: int
    batch_multiplier: float = 1.0
    """Batch over the proxies' as the rules are applied: 1 where none covers it."""
    token_multiplier: float = 1.0
    """Tokens over the proxies' likewise."""

    @property
    def place(self) -> tuple[int, int, int]:
        """Depth, batch and steps of the cell."""
        return self.depth, self.batch_size, self.steps
