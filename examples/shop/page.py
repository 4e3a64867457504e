"""The shop's page, with the support chat: `static/`. What fails in a browser goes to the collector straight from there.

The page gets the collector's script by its address, and the Content-Security-Policy allows just its origin beside
the shop's own. The collector has to know where the page is from: `ALLOWED_ORIGINS=http://127.0.0.1:8100`.
"""

from __future__ import annotations

import html
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

_STATIC: Final = Path(__file__).parent / "static"


def page_routes(collector: str, environment: str) -> list[BaseRoute]:
    """The routes of the page and of its files.

    Args:
        collector: its address, as browsers reach it.
        environment: what the page's events say of where it runs.
    """
    text = Template((_STATIC / "index.html").read_text(encoding="utf-8"))
    page = text.substitute(collector=html.escape(collector), environment=html.escape(environment))
    parts = urlsplit(collector)
    origin = f"{parts.scheme}://{parts.netloc}"
    policy = (
        f"default-src 'none'; script-src 'self' {origin}; connect-src 'self' {origin}; style-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    )

    async def show(request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    return [Route("/", show), Mount("/static", StaticFiles(directory=_STATIC))]
