"""A study as it moves, where commands look for it."""

from widthwise.following import FINAL_STATES, REFRESH_SECONDS, follow, is_over

__all__ = ["FINAL_STATES", "REFRESH_SECONDS", "follow", "is_over"]
