"""Web pages of somebody's site, for a real browser, and what the collector has of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from playwright.sync_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from support import Database, rows, served

#: Called by a page's scripts; their names are looked for in stacks.
SCRIPT = """
function addPrices(cart) { return cart.items.reduce((sum, item) => sum + item.price, 0); }
function uncaught() { setTimeout(function payNow() { addPrices({}); }); }
function rejected() { (async function fetchCart() { throw new RangeError("the cart is gone"); })(); }
function rejectedText() { Promise.reject("out of stock"); }
function caught() {
  try {
    try { addPrices({}); } catch (error) { throw new Error("no total", { cause: error }); }
  } catch (error) {
    levqorErrors.logJSError("cart", error, "critical", "bob@example.com");
  }
}
function inWords() {
  const message = "no results for \\u00fcber";
  levqorErrors.logClientError({ service: "search", message, severity: "warning", path: "/search" });
}
function burst(count) {
  for (let number = 0; number < count; number++) setTimeout(function burnt() { addPrices({}); });
}
"""


class Site:
    """A site under construction: what is put into `pages` is there at once.

    Args:
        url: its origin.
        pages: by path: the body, its type, and headers.
    """

    def __init__(self, url: str, pages: dict[str, tuple[str, str, dict[str, str]]]) -> None:
        self.url = url
        self._pages = pages

    def put(self, path: str, body: str, kind: str = "text/html", **headers: str) -> str:
        """Put a page, or a script, at a path; `Content_Security_Policy="…"` is a header. Gives its address."""
        self._pages[path] = (body, kind, {name.replace("_", "-"): value for name, value in headers.items()})
        return f"{self.url}{path}"

    def put_shop(self, script: str, path: str = "/cart", **headers: str) -> str:
        """The shop's page, with the element that loads the client."""
        self.put("/shop.js", SCRIPT, "text/javascript")
        return self.put(path, f'<!doctype html><title>Shop</title>{script}<script src="/shop.js"></script>', **headers)


@contextmanager
def site(*more: BaseRoute) -> Iterator[Site]:
    """A site of a test's own, on an origin of its own."""
    pages: dict[str, tuple[str, str, dict[str, str]]] = {}

    async def answer(request: Request) -> Response:
        body, kind, headers = pages.get(request.url.path, ("", "text/plain", {}))
        return Response(body, 200 if body else 404, headers=headers, media_type=kind)

    app = Starlette(routes=[*more, Route("/{path:path}", answer)])
    with served(app, lifespan=False) as url:
        yield Site(url, pages)


class Stored(NamedTuple):
    """What of an event tests look at."""

    id: int
    source: str
    service: str
    severity: str
    message: str
    stack: str
    path: str | None
    user: str | None
    release: str | None
    environment: str | None
    context: dict[str, Any]

    @property
    def times(self) -> int:
        """How many events it stands for."""
        return 1 + int(self.context.get("suppressed", 0))


def stored(database: Database) -> list[Stored]:
    """All events, in the order of their commit."""
    found = rows(
        database,
        "SELECT id, source, service, severity, message, stack, path_or_screen, user_email, release, environment, "
        "context FROM error_events ORDER BY id",
    )
    return [Stored._make((*row[:-1], json.loads(row[-1] or "{}"))) for row in found]


def flushed(page: Page) -> bool:
    """Whether the collector has dealt with all that the page has reported; it is asked at once."""
    return bool(page.evaluate("levqorErrors.flush()"))
