"""Fetch what `widthwise recommend` shows: a study's answer, or one that is stored."""

import json

from parametrization.recommendation.document import RecommendationDocument
from widthwise.cli.terminal import err
from widthwise.client import Asked, Client, Document
from widthwise.errors import WidthwiseError
from widthwise.loading import STORED
from widthwise.recommendation import Recommendation


class Answer:
    """A study's answer, or one that is stored.

    Args:
        source: id of a study or of a stored recommendation.
        asked: the target, of a study alone.
        store: True to store the study's answer first.
        config: text of the target's own configuration; None where `asked` or the study has the
            target.

    """

    def __init__(
        self, client: Client, source: str, asked: Asked, *, store: bool, config: str | None = None
    ) -> None:
        self._config = config
        given = {name: value for name, value in asked.items() if value is not None}
        if source.startswith(STORED):
            if given or store:
                raise WidthwiseError(
                    f"{source} is stored, for one target: leave out"
                    f" {' and '.join([*given, *['--store'] * store])}, or name its study"
                )
        elif store:
            stored = client.store_recommendation(source, **asked)
            source = str(stored["id"])
            err.print(f"stored as {source}, sha256 {stored['sha256']}", soft_wrap=True)
        self._client, self._source, self._asked = client, source, asked
        self._is_stored = source.startswith(STORED)

    @property
    def document(self) -> RecommendationDocument:
        """The answer as a record."""
        if self._config is not None:
            found = json.loads(self.export("json")["files"]["recommendation.json"])
        elif self._is_stored:
            found = self._client.stored_recommendation(self._source)["recommendation"]
        else:
            found = self._client.recommendation(self._source, **self._asked)
        return Recommendation.from_document(found).document

    def export(self, form: str) -> Document:
        """The form's files by name, and the numbers that they cannot express."""
        if self._config is not None:
            return self._client.export_for(self._source, self._config, form, **self._asked)
        if self._is_stored:
            return self._client.stored_export(self._source, form)
        return self._client.export(self._source, form, **self._asked)
