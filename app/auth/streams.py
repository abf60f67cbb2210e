"""End a stream once the access of its reader has ended."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, TypeVar

LOOK_SECONDS: Final = 5.0
"""Seconds between two checks of access while a stream is silent."""

T = TypeVar("T")
_END: Final = object()


async def while_permitted(
    stream: AsyncGenerator[T], is_permitted: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[T]:
    """The items of a stream, until its key, session or share link has ended.

    Access is checked before every item, and every `LOOK_SECONDS` while there is none.
    """
    async with contextlib.aclosing(stream):
        while True:
            step = asyncio.ensure_future(anext(stream, _END))
            try:
                while not step.done():
                    await asyncio.wait({step}, timeout=LOOK_SECONDS)
                    if not await is_permitted():
                        return
                given = await step
            finally:
                step.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await step
            if given is _END:
                return
            yield given  # type: ignore[misc]  # of the stream: all but the end
