"""A connection that breaks: a TCP relay that loses the answers to its first requests."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


@contextmanager
def relay_that_loses(answers: int, address: str) -> Iterator[str]:
    """Relay to `address`; connections that carry the first `answers` answers are cut instead.

    The requests do arrive: this is the loss after which a client cannot know what was done.
    """
    target = urlsplit(address)
    listening = socket.create_server(("127.0.0.1", 0))
    left = [answers]

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, socket.create_connection((target.hostname, target.port)) as onward:
                    _relay(connection, onward, left)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def _relay(connection: socket.socket, onward: socket.socket, left: list[int]) -> None:
    """Carry bytes both ways until a side closes, or an answer is due to be lost."""
    other = {connection: onward, onward: connection}
    while True:
        for source in select.select(list(other), [], [])[0]:
            piece = source.recv(1 << 16)
            if not piece:
                return
            if source is onward and left[0]:
                left[0] -= 1
                return
            other[source].sendall(piece)
