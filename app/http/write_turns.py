"""Let a bounded number of requests write at a time, so that others' threads stay free to read.

A plain route waits for the database's lock in one of a few threads that all routes share. While a
writer elsewhere holds that lock, requests that change something would take every one of them.
"""

from collections.abc import AsyncIterator
from typing import Final

import anyio
from fastapi import Depends, Request

from tuner.records.errors import StorageBusy

WRITING: Final = 16
"""Requests that write at a time; anyio has 40 threads for all."""
WAITING: Final = 512
"""Requests that wait for their turn; further ones are told to come again."""


class WriteTurns:
    """Turns of the requests that change something, first come, first served."""

    def __init__(self) -> None:
        self._turns = anyio.Semaphore(WRITING)

    async def __aenter__(self) -> None:
        if self._turns.statistics().tasks_waiting >= WAITING:
            raise StorageBusy(f"{WAITING} requests wait to be stored")
        await self._turns.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._turns.release()


async def _in_turn(request: Request) -> AsyncIterator[None]:
    if request.method == "GET":
        yield
        return
    async with request.app.state.write_turns:
        yield


# scope="function": the turn ends with the route, not with a client that reads its answer slowly.
InTurn: Final = Depends(_in_turn, scope="function")
"""For routers whose plain routes write."""
