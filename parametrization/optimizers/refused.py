"""Methods that users ask for by name and that no study can tune, with the reason."""

from collections.abc import Mapping
from typing import Final

_REFUSED: Final[Mapping[str, str]] = {
    "ngpt": "the normalized transformer has no learning rate that transfers: its best rate moves"
    " with width and with the tokens seen, although its own scales grow with the model (Shigida,"
    " Hanin & Gromov 2026, arXiv:2604.27077). Use gpt with qk_norm, trained by muonh or adamh,"
    " which keep the norms of matrices fixed",
}


def refusal_of(name: str) -> str | None:
    """The reason that nothing of that name can be tuned; None if it is not one of these."""
    return f"{name} cannot be tuned: {_REFUSED[name]}" if name in _REFUSED else None
