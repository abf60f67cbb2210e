"""Write a recommendation as YAML."""

from typing import Final

import yaml

from parametrization.recommendation.document import RecommendationDocument
from tuner.recommendation.exports.protocol.documents import nothing_lost, reading_of_document
from tuner.recommendation.exports.protocol.export import Export, Files, Reading


def as_yaml(recommendation: RecommendationDocument) -> str:
    """The whole recommendation; loading it gives back the same numbers."""
    document = recommendation.model_dump(mode="json")
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=96)


def _render(document: RecommendationDocument) -> Files:
    return {"recommendation.yaml": as_yaml(document)}


def _read(files: Files) -> Reading:
    return reading_of_document(yaml.safe_load(files["recommendation.yaml"]))


EXPORT: Final = Export(
    name="yaml",
    words="The same as YAML",
    media_type="application/yaml",
    render=_render,
    inexpressible=nothing_lost,
    read=_read,
)
