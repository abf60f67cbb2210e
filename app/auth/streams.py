"""End a stream once whoever opened it may not read it any more."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, TypeVar

LOOK_SECONDS: Final = 5.0
"""Between two looks at whether a silent stream may go on."""

T = TypeVar("T")
_END: Final = object()


async def while_permitted(
    stream: AsyncGenerator[T], is_permitted: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[T]:
    """What the stream gives, until its key, session or share link has ended.

    Nothing is given without having looked, and a stream that gives nothing is looked at every
    `LOOK_SECONDS`.
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
