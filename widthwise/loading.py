"""Find a recommendation: in a file, or by asking the service about a study."""

from pathlib import Path
from typing import Final, Unpack

from widthwise.client import Asked, Client
from widthwise.errors import WidthwiseError
from widthwise.recommendation import Recommendation

_FILES: Final = frozenset({".json", ".yaml", ".yml"})


def load(
    source: str | Path, *, address: str | None = None, **asked: Unpack[Asked]
) -> Recommendation:
    """A recommendation from a file, or the service's for a study.

    Args:
        source: a file that `widthwise recommend --format json|yaml` wrote, or a study's id.
        address: of the service; default as `Client` finds it.
        asked: the target, where it is not the study's own; of a study alone.

    Raises:
        WidthwiseError: if the file cannot be read or holds something else, or the service cannot be
            asked or says no.

    """
    if isinstance(source, Path) or Path(source).suffix in _FILES or Path(source).is_file():
        if asked:
            raise WidthwiseError(
                f"{source} is for one target: {', '.join(asked)} can be asked of a study alone"
            )
        return Recommendation.from_file(source)
    with Client(address) as client:
        return Recommendation.from_document(client.recommendation(source, **asked))
