"""HTML pages: the templates, and the headers that every page carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

HERE: Final = Path(__file__).parent

# autoescape=True and not select_autoescape(), which goes by file name and leaves out `.html.j2`.
_templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)

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
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template. `root` in it is the path that the application is mounted under."""
    root = request.scope.get("root_path", "")
    return HTMLResponse(_templates.get_template(template).render(root=root, **values), status, _HEADERS)
