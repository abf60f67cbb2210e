"""Read reports over several studies: comparisons, answers, usage of slots."""

import datetime as dt
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import quote

from widthwise.connection import Connection, Document, moment_text


class ServiceReports(Connection):
    """The requests about a whole service."""

    def usage(
        self,
        group_by: Literal["owner", "project", "study", "day"] = "owner",
        *,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        limit: int = 100,
    ) -> Document:
        """Hours of slots, and their cost, by owner, project, study or day.

        Args:
            limit: rows; the others are summed.

        """
        return self._json(
            "/v1/usage",
            group_by=group_by,
            since=moment_text(since),
            until=moment_text(until),
            limit=limit,
        )

    def queue(self) -> Document:
        """`places`: studies that hold slots, then those that wait, in the order of their turns."""
        return self._json("/v1/queue")

    def workers(self) -> Document:
        """The coordinator, its slots and users' own trainers, and the work of each."""
        return self._json("/v1/workers")

    def compare(self, *study_ids: str, **target: Any) -> Document:  # noqa: ANN401  numbers, a name
        """Two to ten studies: where their specifications differ, and what each answers.

        Args:
            target: `width`, `depth`, `batch_size`, `tokens`, `optimizer` to answer for; what is
                left out is each study's own.

        """
        return self._json("/v1/studies:compare", ids=",".join(study_ids), **target)

    def changes(self, recommendation_id: str) -> Document:
        """Differences of today's answer from a stored one, for the same study and target."""
        return self._json(f"/v1/recommendations/{quote(recommendation_id, safe='')}/changes")

    def search(self, **wanted: Any) -> Iterator[Document]:  # noqa: ANN401  numbers, names
        """The answer of every completed study for a target, newest study first.

        Args:
            wanted: `family`, `optimizer`, `project` of the studies; `width`, `depth`, `batch_size`,
                `tokens` of the target.

        """
        for page in self._pages("/v1/recommendations:search", **wanted, page_size=100):
            yield from page["answers"]
