"""Axes beside width that a study measures on request, and the cells of their sweep."""

import math
from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import Field

from tuner.spec.axes.cell import Cell
from tuner.spec.submitted import Submitted
from tuner.spec.target import BatchSize, Depth, Proxies, Tokens

LEAST_VALUES: Final = 3
"""Of an axis, the proxies' own among them: two would fit every law."""
FEWEST_STEPS: Final = 8
MOST_STEPS: Final = 10_000_000


class MeasuredAxes(Submitted):
    """Values at which the best learning rate is measured too, at the proxy width.

    Batch and tokens are crossed, for the best rate depends on the two together.
    """

    depth: tuple[Depth, ...] = Field(default=(), max_length=8)
    """As the family counts it. Three different values at least, the proxies' own among them."""
    tokens: tuple[Tokens, ...] = Field(default=(), max_length=8)
    """Seen in all of training; images, for models that see images."""
    batch: tuple[BatchSize, ...] = Field(default=(), max_length=8)
    """Sequences or images per step."""
    seeds: Annotated[int, Field(ge=1, le=32)] = 2
    """Of every rate of a cell."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes that are measured."""
        return tuple(name for name in ("depth", "batch", "tokens") if getattr(self, name))

    def cells(self, proxies: Proxies) -> tuple[Cell, ...]:
        """Every cell of the sweep but the proxies' own, which is measured anyway."""
        own = Cell(depth=proxies.depth, batch_size=proxies.batch_size, steps=proxies.steps)
        found = {cell.place: cell for cell in self._cells(own, proxies)}
        found.pop(own.place, None)
        return tuple(found[place] for place in sorted(found))

    def _cells(self, own: Cell, proxies: Proxies) -> Iterator[Cell]:
        for depth in self.depth:
            yield own.model_copy(update={"depth": depth})
        for batch_size in {*self.batch, own.batch_size}:
            for tokens in {*self.tokens, proxies.tokens}:
                steps = math.ceil(tokens / (batch_size * proxies.tokens_per_example))
                yield own.model_copy(update={"batch_size": batch_size, "steps": steps})

    def problems(self, proxies: Proxies) -> Iterator[tuple[str, str]]:
        """(Field, what to change) for every axis that cannot be measured so."""
        own = {"depth": proxies.depth, "batch": proxies.batch_size, "tokens": proxies.tokens}
        for name in self.names:
            values = sorted({*getattr(self, name), own[name]})
            if len(values) < LEAST_VALUES:
                yield (
                    name,
                    f"{name} {', '.join(map(str, values))}, the proxies' {own[name]} among them,"
                    f" are {len(values)} different values: give {LEAST_VALUES} or more, for any law"
                    " fits two",
                )
        shortest = min((cell.steps for cell in self.cells(proxies)), default=FEWEST_STEPS)
        if shortest < FEWEST_STEPS:
            yield (
                "tokens" if self.tokens else "batch",
                f"the fewest tokens in the largest batch are {shortest} steps: raise the tokens or"
                f" lower the batch until they are {FEWEST_STEPS} or more",
            )
        longest = max((cell.steps for cell in self.cells(proxies)), default=FEWEST_STEPS)
        if longest > MOST_STEPS:
            yield (
                "tokens" if self.tokens else "batch",
                f"the most tokens in the smallest batch are {longest} steps: lower the tokens or"
                f" raise the batch until they are {MOST_STEPS} or fewer",
            )
