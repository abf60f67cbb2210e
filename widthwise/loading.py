"""Find a recommendation: in a file, stored at the service, or by asking it about a study."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Unpack

from parametrization.recommendation.content_hash import content_sha256
from widthwise.client import Asked, Client
from widthwise.errors import WidthwiseError
from widthwise.recommendation import Recommendation, read_document

STORED: Final = "rec_"
"""Prefix of the ids of stored recommendations."""
_FILES: Final = frozenset({".json", ".yaml", ".yml"})


def load(
    source: str | Path,
    *,
    address: str | None = None,
    sha256: str | None = None,
    require_approved: bool = False,
    **asked: Unpack[Asked],
) -> Recommendation:
    """A recommendation from a file, one that is stored, or the service's for a study.

    A stored one (`rec_...`) is the same whenever it is loaded: its content is checked against the
    hash that the service gives for it, and against `sha256`.

    Args:
        source: a file that `widthwise recommend --format json|yaml` wrote, or that holds a stored
            recommendation as the service gives it; the id of a stored one; or a study's.
        address: of the service; default as `Client` finds it.
        sha256: of the content, as the service gave it when the recommendation was stored; what has
            another one is refused.
        require_approved: refuse what no reviewer has approved; of a stored recommendation alone.
        asked: the target, where it is not the study's own; of a study alone.

    Raises:
        WidthwiseError: if the file cannot be read or holds something else, the content is not what
            was stored, it is not approved, or the service cannot be reached or refuses.

    """
    is_file = isinstance(source, Path) or Path(source).suffix in _FILES or Path(source).is_file()
    is_stored = not is_file and str(source).startswith(STORED)
    if asked and (is_file or is_stored):
        raise WidthwiseError(
            f"{source} is for one target: {', '.join(asked)} can be asked of a study alone"
        )
    if is_file:
        found = read_document(source)
    else:
        with Client(address) as client:
            if is_stored:
                found = client.stored_recommendation(str(source))
            else:
                found = client.recommendation(str(source), **asked)
    kept = found if isinstance(found, Mapping) and "recommendation" in found else None
    document = found if kept is None else kept["recommendation"]
    answer = Recommendation.from_document(document)
    for wanted in filter(None, (sha256, kept and kept.get("sha256"))):
        _require_hash(str(source), document, str(wanted))
    if require_approved:
        _require_approval(str(source), kept)
    return answer


def _require_approval(name: str, kept: Mapping[str, Any] | None) -> None:
    if kept is None:
        raise WidthwiseError(
            f"{name} is not stored, so it is not approved: store the recommendation (widthwise"
            f" recommend ID --store), have it approved, and load it by its id, {STORED}..."
        )
    if kept.get("state") != "approved":
        decision = kept.get("decision")
        said = f" by {decision['by']} ({decision['note']})" if decision else ""
        raise WidthwiseError(
            f"{name} is {kept.get('state')}{said}, and an approved recommendation is required: have"
            f" it approved with `widthwise approve {kept.get('id')}`, or load another one"
        )


def _require_hash(name: str, document: Mapping[str, Any], sha256: str) -> None:
    found = content_sha256(document)
    if found != sha256.lower():
        raise WidthwiseError(
            f"{name} is not the recommendation that was pinned: its content has the SHA-256"
            f" {found}, not {sha256}"
        )
