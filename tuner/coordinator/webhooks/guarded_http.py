"""Send a request to an address of the internet, and to nothing on this machine or its network.

A name is resolved once, every address that it has is judged, and the connection goes to one of
those judged: a name that leads elsewhere a moment later (DNS rebinding) leads nowhere. Redirects
are not followed.
"""

import socket
from collections.abc import Collection, Iterable
from typing import Any, Final

import httpcore

from tuner.coordinator.webhooks.signed import Message
from tuner.storage.webhooks.address import is_public, refusal

TIMEOUT_SECONDS: Final = 10.0
_TIMEOUTS: Final = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_SECONDS)


class Undelivered(Exception):
    """The message was not taken; the text says why."""


class _PublicAddresses(httpcore.NetworkBackend):
    """Connects to public addresses alone."""

    def __init__(self, private_hosts: Collection[str]) -> None:
        self._private_hosts = private_hosts
        self._connecting = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        address = host
        if host not in self._private_hosts:
            address = judged_address(host, port)
        return self._connecting.connect_tcp(address, port, timeout, local_address, socket_options)


def judged_address(host: str, port: int) -> str:
    """An address of a host, all of whose addresses are public.

    Raises:
        Undelivered: if one is not, or there is none.

    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Undelivered(f"{host} cannot be resolved: {error.strerror or error}") from error
    addresses = [str(place[0]) for *_, place in found]
    for address in addresses:
        if not is_public(address):
            raise Undelivered(f"{host} leads to {address}, which is not a public address")
    return addresses[0]


def post(url: str, message: Message, private_hosts: Collection[str]) -> None:
    """Send a message.

    Raises:
        Undelivered: if it is not answered with a status from 200 to 299.

    """
    if (problem := refusal(url, private_hosts)) is not None:
        raise Undelivered(problem)
    backend = _PublicAddresses(private_hosts)
    with httpcore.ConnectionPool(network_backend=backend, max_connections=1) as pool:
        try:
            with pool.stream(
                "POST",
                url,
                headers=list(message.headers.items()),
                content=message.body,
                extensions={"timeout": _TIMEOUTS},
            ) as response:  # its body is not read
                status = response.status
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise Undelivered(str(error) or type(error).__name__) from error
    if 300 <= status < 400:
        raise Undelivered(f"answered with {status}: redirects are not followed")
    if not 200 <= status < 300:
        raise Undelivered(f"answered with {status}")
