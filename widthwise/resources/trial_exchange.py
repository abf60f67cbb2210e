"""Export trials to Optuna, and give a search trials to start from."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from widthwise.connection import Connection, Document, path_of

_SQLITE: Final = b"SQLite format 3\0"


class TrialExchange(Connection):
    """The requests that export and import trials."""

    def export_optuna(self, study_id: str, path: str | os.PathLike[str]) -> Path:
        """Write the study as an Optuna storage and return where it is.

        Open it with `optuna.storages.JournalStorage(JournalFileBackend(path))`, or with
        `optuna-dashboard`.
        """
        written = Path(path)
        written.write_text(self._get(f"{path_of(study_id)}/export/optuna").text, encoding="utf-8")
        return written

    def importances(self, study_id: str) -> Document:
        """Importance of each searched hyperparameter, by optimizer (functional ANOVA)."""
        return self._json(f"{path_of(study_id)}/importances")

    def enqueue(
        self, study_id: str, *trials: Mapping[str, float], optimizer: str | None = None
    ) -> Document:
        """Have the search train these hyperparameters next; a repeated call changes nothing."""
        body = {"optimizer": optimizer, "trials": [dict(one) for one in trials]}
        return self._post(f"{path_of(study_id)}/trials", body)

    def import_trials(
        self,
        study_id: str,
        source: str | os.PathLike[str],
        *,
        names: Mapping[str, str] | None = None,
        value_column: str = "value",
        optimizer: str | None = None,
        optuna_study: str | None = None,
    ) -> Document:
        """Import earlier trials into the search; a repeated import changes nothing.

        Args:
            source: a CSV file, an Optuna journal or SQLite file, or the id of another study.
            names: hyperparameters' names here, by those in the file, where they differ.
            value_column: of a CSV: the trials' results, less being better.
            optuna_study: needed where the file has several.

        Raises:
            OSError: if the file cannot be read.

        """
        form, content = _read(source)
        body: Document = {
            "form": form,
            "content": content,
            "optimizer": optimizer,
            "names": dict(names or {}),
            "value_column": value_column,
            "optuna_study": optuna_study,
        }
        return self._post(f"{path_of(study_id)}/trials:import", body)

    def given_trials(self, study_id: str) -> list[Document]:
        """Points that the search was given, each with the number of the trial that trains it."""
        pages = self._pages(f"{path_of(study_id)}/given-trials", page_size=1_000)
        return [one for page in pages for one in page["trials"]]


def _read(source: str | os.PathLike[str]) -> tuple[str, str]:
    """The form of a source, and its content."""
    if isinstance(source, str) and source.startswith("std_") and not Path(source).exists():
        return "study", source
    content = Path(source).read_bytes()
    if content.startswith(_SQLITE):
        return "optuna_sqlite", base64.b64encode(content).decode()
    form = "optuna_journal" if content.lstrip().startswith(b"{") else "csv"
    return form, content.decode("utf-8-sig")
