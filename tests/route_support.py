"""Every route of the collector, for tests that hold all of them to a rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


def all_routes(app: Starlette) -> Iterator[tuple[str, frozenset[str]]]:
    """Every path that the application knows, public or behind the door, with its methods; none for a folder. What
    differs from path to path is `1`."""
    for path, methods in _walk([*app.routes, *_inner_routes(app.router.default)]):
        yield re.sub(r"{[^}]+}", "1", path), methods


def _inner_routes(app: object) -> Sequence[BaseRoute]:
    """The routes of an application, looked for behind whatever is wrapped around it."""
    while not hasattr(app, "routes"):
        app = getattr(app, "_app", None) or getattr(app, "app", None)
        if app is None:
            return []
    routes: Sequence[BaseRoute] = app.routes
    return routes


def _walk(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[str, frozenset[str]]]:
    for route in routes:
        if isinstance(route, Mount):
            inner = _inner_routes(route.app)
            if inner:
                yield from _walk(inner, prefix + route.path)
            else:
                yield prefix + route.path, frozenset()
        else:
            assert isinstance(route, Route)
            yield prefix + route.path_format, frozenset(route.methods or METHODS)
