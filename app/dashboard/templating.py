"""Pages from templates: escaped, and refused where a name has no value."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from app.dashboard.assets import OWN_ASSETS, PLOTLY, STYLE
from app.dashboard.words import FILTERS
from parametrization.text.visible import visible


def _shown(value: object) -> object:
    """Text with its hidden characters escaped; line breaks and tabs are spaces in HTML."""
    return visible(value, keep="\n\t") if type(value) is str else value


THEME: Final = "widthwise_theme"
"""Name of the cookie that holds a reader's theme; set by `static/theme.js`."""
THEMES: Final = ("light", "dark")
_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= FILTERS
_ENVIRONMENT.globals["style"] = Markup(STYLE)
"""For a page that carries its style sheet in itself."""
_ENVIRONMENT.globals["places"] = {
    "studies": ("/", "Studies"),
    "new": ("/new", "New study"),
    "compare": ("/compare", "Compare"),
    "queue": ("/queue", "Queue"),
    "workers": ("/workers", "Workers"),
    "cost": ("/cost", "Cost"),
    "api": ("/docs", "API"),
}


def templates() -> Iterator[Template]:
    """Every template, compiled as it comes, so that no page has to wait for its own."""
    return map(_ENVIRONMENT.get_template, _ENVIRONMENT.list_templates())


class Page(HTMLResponse):
    """A page in the theme that its reader's browser keeps; without one, in the system's.

    The server writes it into the page: a script that set it would have to run before anything is
    painted.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        theme = HTTPConnection(scope).cookies.get(THEME)
        if theme in THEMES:
            root = f'<html lang="en" data-theme="{theme}">'.encode()
            self.body = bytes(self.body).replace(b'<html lang="en">', root, 1)
            self.headers["Content-Length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def page(template: str, status_code: int = 200, **names: object) -> Page:
    """Render one page."""
    content = _ENVIRONMENT.get_template(template).render(assets=OWN_ASSETS, plotly=PLOTLY, **names)
    return Page(content, status_code, headers={"Cache-Control": "no-cache"})
