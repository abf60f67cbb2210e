"""HTTP spoken by hand, so that a load costs less than what it measures."""

import asyncio
import json
from typing import Any


class Connection(asyncio.Protocol):
    """One kept-alive connection, over which one request goes at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes, float]] | None = None

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, bytes, float]:
        """Post JSON; see `send`."""
        return await self.send("POST", path, json.dumps(body, separators=(",", ":")).encode())

    async def send(self, method: str, path: str, content: bytes = b"") -> tuple[int, bytes, float]:
        """Status, body, and the seconds that a `Retry-After` names.

        Args:
            content: JSON.

        Raises:
            ConnectionError: if the connection breaks before the answer is there.

        """
        loop = asyncio.get_running_loop()
        if self._transport is None:
            self._transport, _ = await loop.create_connection(lambda: self, self._host, self._port)
        self._answer = loop.create_future()
        self._transport.write(
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n".encode()
            + content
        )
        return await self._answer

    def data_received(self, data: bytes) -> None:
        """Answer who waits once everything is there."""
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        head = head.lower()
        length = int(_header(head, b"content-length:") or 0)
        if len(rest) >= length and self._answer is not None:
            self._received = rest[length:]
            retry = float(_header(head, b"retry-after:") or 1)
            self._answer.set_result((int(head[9:12]), rest[:length], retry))
            self._answer = None

    def connection_lost(self, error: Exception | None) -> None:
        """Tell who waits; the next request connects anew."""
        self._transport, self._received = None, b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("closed before its answer"))

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()


def _header(head: bytes, name: bytes) -> bytes:
    at = head.find(name)
    return head[at + len(name) :].partition(b"\r\n")[0].strip() if at >= 0 else b""
