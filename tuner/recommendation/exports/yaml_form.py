"""Write a recommendation as YAML."""

import yaml

from parametrization.recommendation.document import RecommendationDocument


def as_yaml(recommendation: RecommendationDocument) -> str:
    """The whole recommendation; loading it gives back the same numbers."""
    document = recommendation.model_dump(mode="json")
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=96)
