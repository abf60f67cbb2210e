"""Define the longest wait of a test: it ends one that hangs, and measures nothing."""

from typing import Final

PATIENCE_SECONDS: Final = 900.0
"""Of one wait: a machine may be ten times slower than this one, and busy with other work."""
