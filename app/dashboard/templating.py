"""Pages from templates: escaped, and refusing names that nobody filled in."""

from pathlib import Path
from typing import Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.dashboard.assets import OWN_ASSETS, PLOTLY
from app.dashboard.words import FILTERS
from parametrization.text.visible import visible


def _shown(value: object) -> object:
    """Text with its hidden characters escaped; line breaks and tabs are spaces in HTML."""
    return visible(value, keep="\n\t") if type(value) is str else value


_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= FILTERS
_ENVIRONMENT.globals["places"] = {
    "studies": ("/", "Studies"),
    "new": ("/new", "New study"),
    "compare": ("/compare", "Compare"),
    "queue": ("/queue", "Queue"),
    "workers": ("/workers", "Workers"),
    "cost": ("/cost", "Cost"),
    "api": ("/docs", "API"),
}


def page(template: str, status_code: int = 200, **names: object) -> HTMLResponse:
    """Render one page."""
    content = _ENVIRONMENT.get_template(template).render(assets=OWN_ASSETS, plotly=PLOTLY, **names)
    return HTMLResponse(content, status_code, headers={"Cache-Control": "no-cache"})
