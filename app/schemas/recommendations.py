"""Stored recommendations as the API reads and shows them."""

from typing import Annotated

from pydantic import Field

from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.record import Record
from tuner.records.stored_recommendation import StoredRecommendation
from tuner.spec.submitted import ReadableText, Submitted


class DecisionBody(Submitted):
    """A reviewer's decision about a recommendation."""

    by: Annotated[ReadableText, Field(min_length=1, max_length=200)]
    """Name of the person who decides."""
    note: Annotated[ReadableText, Field(min_length=1, max_length=2_000)]
    """Reason for the decision, in one line."""


class RecommendationLinks(Record):
    """Paths on this host."""

    self: str
    study: str
    observations: str
    changes: str
    """Differences of today's answer from the stored one."""


class RecommendationSummary(StoredRecommendation):
    links: RecommendationLinks


class StoredRecommendationRead(RecommendationSummary):
    recommendation: RecommendationDocument
    """The answer, in the format of the release that stored it."""


class RecommendationList(Record):
    recommendations: tuple[RecommendationSummary, ...]
    """Newest first, without the answers themselves."""
    next_page_token: str | None
    """Give it as `page_token` to go on; null on the last page."""


def recommendation_summary(stored: StoredRecommendation) -> RecommendationSummary:
    """A stored recommendation with its links."""
    own = f"/v1/recommendations/{stored.id}"
    links = RecommendationLinks(
        self=own,
        study=f"/v1/studies/{stored.study_id}",
        observations=f"{own}/observations",
        changes=f"{own}/changes",
    )
    return RecommendationSummary(**dict(stored), links=links)
