"""HTML pages: the templates, the headers that every page carries, and which pages the bar at the top leads to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ..errors import LevqorError
from .answers import error_status
from .assets import VERSIONED

#: The owner's pages in the bar at the top: name and path. What is not here is not linked.
NAV: Final = (("Errors", "/owner/errors"), ("Issues", "/owner/issues"), ("Handbook", "/owner/handbook"))

# autoescape=True and not select_autoescape(), which goes by file name and leaves out `.html.j2`.
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

#: Nothing inline, nothing from elsewhere, no framing: event content is hostile, and this is the second wall behind
#: the escaping.
_CSP: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer, with which browsers send `Origin: null` with our own forms; over plain HTTP, where there is no
    # Sec-Fetch-Site, that is all they say.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template.

    In it are besides: `root`, the path that the application is mounted under; `static`, that of our own files; `nav`;
    and `here`, the page's own path under `root`.
    """
    root = request.scope.get("root_path", "")
    here = request.scope["path"].removeprefix(root)
    html = _templates.get_template(template).render(root=root, static=root + VERSIONED, nav=NAV, here=here, **values)
    return HTMLResponse(html, status, _HEADERS)


def with_query(path: str, values: Mapping[str, str]) -> str:
    """A path with these parameters; empty ones are left out."""
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{path}?{query}" if query else path


def problem(request: Request, error: LevqorError, *, back: str | None = "/owner/errors") -> HTMLResponse:
    """Say what did not work, with a way back; none for those who are not signed in."""
    status, retry_after = error_status(error)
    response = page(request, "problem.html", status, why=str(error), back=back)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response
