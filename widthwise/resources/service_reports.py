"""What a service tells about all studies at once: usage of its slots."""

import datetime as dt
from typing import Literal

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
