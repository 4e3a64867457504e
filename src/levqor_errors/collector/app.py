"""The collector as one ASGI application: which routes there are, and which of them are public.

What is in `_public` is open to anyone. Everything else, known path or not, goes through `OwnerOnly` first: a route
that somebody adds in the wrong place is closed, not open.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.staticfiles import StaticFiles

from ..config import CollectorSettings
from ..errors import LevqorError
from ..storage import Storage, open_storage
from .answers import JsonResponse, error_response
from .auth import Auth, OwnerOnly
from .cors import Cors
from .dashboard import Dashboard
from .health import Health
from .ingest import Ingest
from .keys import ANY, Keys
from .limiter import Limiter
from .login import Login
from .openapi import openapi_json
from .pages import HERE
from .proxies import Proxies, TrustProxies
from .queries import Queries
from .refusals import Refusals
from .secret import owner_secret
from .writer import Writer


class Collector:
    """The parts of a running collector that outlive a request; `app.state.collector` of an app of `create_app`."""

    def __init__(self, storage: Storage, secret: str, settings: CollectorSettings) -> None:
        self.storage = storage
        self.writer = Writer(storage)
        self.auth = Auth(secret, storage)
        self.refusals = Refusals()
        limiter = None
        if settings.rate_limit is not None:
            named = set(settings.ingest_keys.values()) - {ANY}
            limiter = Limiter(settings.rate_limit, named.union(storage.services()))
        self.ingest = Ingest(
            self.writer, self.refusals, limiter, Keys(settings.ingest_keys), Cors(settings.allowed_origins)
        )

    def close(self) -> None:
        """Commit what is waiting and close the database."""
        self.writer.close()
        self.storage.close()


def create_app(settings: CollectorSettings | None = None) -> Starlette:
    """The collector as an ASGI application, ready at once: to be served, or mounted in an application of yours.

    Starlette runs no lifespan of a mounted application; call `app.state.collector.close()` at the end of your own. If
    you do not, nothing that was answered with a 2xx is lost all the same.

    Args:
        settings: by default those of the environment.

    Raises:
        ConfigError: for a setting that cannot be used.
        StorageUnusableError: for a database that cannot be used.
    """
    settings = settings or CollectorSettings.from_env()
    collector = Collector(open_storage(settings.database_path), owner_secret(settings), settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(collector.close)

    app = Starlette(
        routes=_public(collector),
        exception_handlers={LevqorError: _our_error, HTTPException: _http_error, Exception: _internal_error},
        # Only where proxies are trusted: without them no header is even looked at.
        middleware=[Middleware(TrustProxies, Proxies(settings.trusted_proxies))] if settings.trusted_proxies else [],
        lifespan=lifespan,
    )
    # What no public route takes. As the default, and not as a route: no path, however odd, can pass it by.
    app.router.default = OwnerOnly(Router(_owner(collector), redirect_slashes=False), collector.auth)
    # A redirect to a path with or without a slash would be built from the Host header, which anyone may forge.
    app.router.redirect_slashes = False
    app.state.collector = collector
    return app


def _public(collector: Collector) -> list[BaseRoute]:
    login = Login(collector.auth)
    return [
        Route("/api/errors/log", collector.ingest, methods=["POST", "OPTIONS"]),
        Route("/healthz", Health(collector.storage, collector.writer).get),
        Route("/api/openapi.json", openapi_json),
        Route("/login", login.form, methods=["GET"]),
        Route("/login", login.submit, methods=["POST"]),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]


def _owner(collector: Collector) -> list[BaseRoute]:
    queries = Queries(collector.storage)
    dashboard = Dashboard(collector.storage)
    login = Login(collector.auth)
    return [
        Route("/api/errors/recent", queries.recent),
        Route("/api/errors/stats", queries.stats),
        Route("/api/errors/{id}", queries.get),
        Route("/", dashboard.home),
        Route("/owner/errors", dashboard.errors),
        Route("/owner/errors/{id}", dashboard.error),
        Route("/logout", login.sign_out, methods=["POST"]),
    ]


async def _our_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LevqorError)
    return error_response(error)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JsonResponse({"ok": False, "error": error.detail}, error.status_code, dict(error.headers or {}))


async def _internal_error(request: Request, error: Exception) -> Response:
    # Starlette raises it again after this answer, and the server logs it with its traceback.
    return JsonResponse({"ok": False, "error": "internal error; the collector's log has the details"}, 500)
