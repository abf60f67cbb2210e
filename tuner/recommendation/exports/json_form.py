"""Write a recommendation as JSON."""

import json
from typing import Final

from parametrization.recommendation.document import RecommendationDocument
from tuner.recommendation.exports.protocol.documents import nothing_lost, reading_of_document
from tuner.recommendation.exports.protocol.export import Export, Files, Reading


def _render(document: RecommendationDocument) -> Files:
    return {"recommendation.json": document.model_dump_json()}


def _read(files: Files) -> Reading:
    return reading_of_document(json.loads(files["recommendation.json"]))


EXPORT: Final = Export(
    name="json",
    words="The whole recommendation, for programs and `widthwise.load`",
    media_type="application/json",
    render=_render,
    inexpressible=nothing_lost,
    read=_read,
)
