"""Make what the first visitors of a page would wait for, before they come."""

from typing import Final

from fastapi import FastAPI

from app.dashboard import assets, templating
from app.dashboard.submit import page as submit_page
from app.described import Description

AFTER_SECONDS: Final = 10.0
"""Of a process's start: it takes seconds of a core, which first requests need more."""


def prepare(app: FastAPI) -> None:
    """Compile templates, compress plotly.js, derive schemas. Keeps a thread busy for seconds.

    Whatever is asked for before is made then, by the request that asks, and not again here.
    """
    templating.compile_all()
    assets.plotly()
    submit_page.schema()
    description: Description = app.state.description
    description.prepared()
