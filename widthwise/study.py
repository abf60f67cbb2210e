"""A study in a script or notebook: its document, waiting, curves and plots."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Protocol

from widthwise.connection import Document
from widthwise.errors import WidthwiseError
from widthwise.following import Following, follow, is_over


class Asking(Following, Protocol):
    """The client's methods that a study uses."""

    def sensitivity(self, study_id: str) -> Document:
        """Loss against learning rate by width."""

    def page(self, study_id: str) -> str:
        """The address of the study's page."""


class Study(dict[str, Any]):
    """A study as the service answered it; `wait` brings it up to date."""

    def __init__(self, document: Mapping[str, Any], client: Asking) -> None:
        super().__init__(document)
        self._client = client

    @property
    def id(self) -> str:
        """`std_...`."""
        return str(self["id"])

    def wait(self, *, progress: bool = True, patience_seconds: float = 120.0) -> "Study":
        """Wait until the study is over, with a bar, and return it as it is then.

        A paused study is waited for: another client may resume it.

        Args:
            progress: show the bar.
            patience_seconds: how long the service may be unreachable before that is an error.

        Raises:
            WidthwiseError: if it failed or was cancelled, with the reason; or if the service
                stayed away.

        """
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, disable=not progress) as bars:
            bar = bars.add_task(self.id, total=1.0)
            for document in follow(self._client, self.id, patience_seconds=patience_seconds):
                self.clear()
                self.update(document)
                done = 1.0 if is_over(self) else self["progress"]["fraction"]
                bars.update(bar, completed=done, description=f"{self.id} {self['state']}")
        if self["state"] != "completed":
            raise WidthwiseError(f"{self.id} is {self['state']}: {self['reason'] or 'no reason'}")
        return self

    def sensitivity(self) -> Any:  # noqa: ANN401  pandas is not needed to import this
        """Loss against learning rate, a row for each rate, width, optimizer and parametrization.

        Returns:
            A `pandas.DataFrame`.

        Raises:
            ImportError: if pandas is not installed.

        """
        try:
            import pandas as pd  # type: ignore[import-not-found, import-untyped, unused-ignore]
        except ImportError as error:
            raise ImportError(
                "study.sensitivity() is a DataFrame: install pandas; without it,"
                " study.sensitivity_rows() has the same as dictionaries"
            ) from error
        return pd.DataFrame(self.sensitivity_rows())

    def sensitivity_rows(self) -> list[Document]:
        """The rows of `sensitivity`, as dictionaries; `mean_loss` is None where a seed diverged."""
        return [
            {
                "optimizer": curve["optimizer"],
                "parametrization": curve["parametrization"],
                "width": curve["width"],
                "purpose": curve["purpose"],
                "learning_rate": point["learning_rate"],
                "mean_loss": point["mean_loss"],
                "diverged": point["diverged"],
                "seeds": len(point["seeds"]),
            }
            for curve in self._client.sensitivity(self.id)["curves"]
            for point in curve["points"]
        ]

    def plot(self, path: str | Path | None = None, *, optimizer: str | None = None) -> Path:
        """Draw loss against learning rate by width to a PNG file and return where it is.

        Args:
            path: default: the study's id, with `.png`, in this directory.
            optimizer: whose curves to draw; default: the first one's.

        """
        from widthwise.plots.sensitivity import draw_transfer  # here: it needs matplotlib

        written = Path(path or f"{self.id}.png")
        draw_transfer(self._client.sensitivity(self.id), written, optimizer=optimizer)
        return written

    def _repr_html_(self) -> str:
        """The study in a notebook: name, state and a link to its page."""
        name = escape(str(self["spec"]["name"] or self.id))
        page = escape(self._client.page(self.id), quote=True)
        reason = f": {escape(str(self['reason']))}" if self["reason"] else ""
        done = f"{100 * self['progress']['fraction']:.0f} %"
        return (
            f'<b><a href="{page}">{name}</a></b> <code>{self.id}</code>'
            f" {escape(str(self['state']))}{reason}, {done}"
        )
