"""The hash of a recommendation's content, the same for its JSON and its YAML form."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical_json(document: Mapping[str, Any]) -> str:
    """The one text of a JSON document that its hash is taken of.

    Fields are sorted, nothing is spaced, and numbers are as Python's `json` writes them: in the
    fewest digits that give the same double back.

    >>> canonical_json({"b": 1e-05, "a": [1.0, 2]})
    '{"a":[1.0,2],"b":1e-05}'
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_sha256(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document's content, whatever the order of its fields and its notation.

    >>> content_sha256({"a": 1.0, "b": 2}) == content_sha256({"b": 2, "a": 1.0})
    True
    """
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()
