"""Check the address that events are to be sent to, as far as possible without resolving it."""

import ipaddress
import re
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_EMBEDDING: Final = tuple(
    map(
        ipaddress.IPv6Network,
        ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96"),
    )
)
"""Ranges whose addresses lead to the IPv4 address in their last 32 bits."""


def refusal(url: str, private_hosts: Collection[str]) -> str | None:
    """The reason why events cannot be sent there; None if they can.

    Args:
        private_hosts: names and addresses that the operator allows, also in private networks and by
            http.

    """
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "holds a space, or characters that no URL has: percent-encode them"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        return f"not a URL: {error}"
    if parts.scheme not in ("https", "http") or not host or port == 0:
        return "not an https:// address with a host"
    if "@" in parts.netloc or parts.fragment:
        return "has a user, a password or a fragment: leave them out"
    return None if host in private_hosts else _inside(parts.scheme, host)


def _inside(scheme: str, host: str) -> str | None:
    """The reason why a host that the operator has not named is refused; None if it is not."""
    if scheme == "http":
        return "http:// shows what is sent to everybody on the way: give an https:// address"
    name = host.removesuffix(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return _unfit_name(name)
    return None if is_public(str(address)) else f"{host} is not a public address"


def _unfit_name(name: str) -> str | None:
    """The reason why a name cannot be a public host; None if it can.

    The addresses that it resolves to are judged when the connection is made.
    """
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):  # resolvers read `2130706433` and `0x7f.1` as addresses
        return f"{name} is an address in another form: write it as four decimal numbers"
    if not all(map(_LABEL.fullmatch, labels)):
        return f"{name} is no name of a host"
    if len(labels) == 1 or labels[-1] in ("localhost", "local", "internal"):
        return f"{name} is a name of this machine or network, which events are not sent to"
    return None


def is_public(address: str) -> bool:
    """True if an IP address is public: not private, loopback, link-local or reserved.

    >>> is_public("8.8.8.8"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)

    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
        if any(found in network for network in _EMBEDDING):
            inner.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
        if any(one is not None and not _is_public(one) for one in inner):
            return False
        if found.ipv4_mapped is not None:
            return True
    return _is_public(found)


def _is_public(found: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return found.is_global and not found.is_multicast
