"""Find and show the characters of a text that a screen does not show, or that reorder others.

Control characters move a terminal's cursor and change its colours, line separators begin lines of
their own, and bidirectional controls (Unicode UAX #9) make a text read in another order than it
is stored in: what a reader sees would not be what is there.
"""

import unicodedata
from typing import Final

_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDIRECTIONAL: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def is_hidden(character: str) -> bool:
    """True for a control character, a separator of lines, or half of a surrogate pair."""
    return unicodedata.category(character) in _CATEGORIES or character in _BIDIRECTIONAL


def code_point(character: str) -> str:
    r"""The character by its number.

    >>> code_point("\n")
    'U+000A'
    """
    return f"U+{ord(character):04X}"


def visible(text: str, *, keep: str = "") -> str:
    r"""The text with every hidden character as an escape.

    Args:
        keep: hidden characters that stay as they are.

    >>> visible("a\x1b[31m\u202eb")
    'a\\u001b[31m\\u202eb'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"\\u{ord(one):04x}" if is_hidden(one) and one not in keep else one for one in text
    )
