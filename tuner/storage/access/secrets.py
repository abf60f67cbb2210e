"""Secrets that are shown once and stored as their SHA-256: of keys, share links, sessions."""

import hashlib
import hmac
import re
import secrets
from typing import Final, NamedTuple

KEY: Final = "wwk"
SHARE: Final = "wws"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_PREFIX_LETTERS: Final = 12
_FORM: Final = re.compile(rf"((?:{KEY}|{SHARE})_[a-z0-9]{{{_PREFIX_LETTERS}}})_[A-Za-z0-9_-]{{43}}")


class Secret(NamedTuple):
    """A secret as its owner receives it, once."""

    prefix: str
    """Public beginning of the secret, stored and shown so that it can be recognised."""
    text: str

    @property
    def sha256(self) -> str:
        """SHA-256 of the secret in hexadecimal digits: the only form in which it is stored."""
        return digest(self.text)


def new_secret(kind: str) -> Secret:
    """Make a secret of 256 random bits.

    Args:
        kind: `KEY` or `SHARE`.

    """
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_PREFIX_LETTERS))
    prefix = f"{kind}_{letters}"
    return Secret(prefix, f"{prefix}_{secrets.token_urlsafe(32)}")


def prefix_of(text: str) -> str | None:
    """The prefix of a text that has the form of a secret; None for any other text."""
    found = _FORM.fullmatch(text)
    return found[1] if found else None


def digest(text: str) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_same(text: str, sha256: str | None) -> bool:
    """True if a secret is the stored one; the time it takes does not depend on where they differ.

    Args:
        text: the secret that a request has sent.
        sha256: of the stored secret; None if there is none, which takes as long.

    """
    equal = hmac.compare_digest(digest(text), sha256 or digest(""))
    return equal and sha256 is not None
