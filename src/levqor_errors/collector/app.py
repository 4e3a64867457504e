"""The collector as one ASGI application: which routes there are, and which of them are public.

What is in `_public` is open to anyone. Everything else, known path or not, goes through `OwnerOnly` first: a route
that somebody adds in the wrong place is closed, not open.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import Receive, Scope, Send

from .. import instants
from ..addresses import is_address
from ..config import AlertSettings, CollectorSettings
from ..errors import LevqorError, RequestRefusedError
from ..storage import Storage, open_storage
from ..storage.base import CANARY_SERVICE
from .alerting import Alerting
from .answers import JsonResponse, error_response
from .assets import Assets
from .auth import Auth, OwnerOnly, is_page_load
from .browser_client import BrowserClient
from .connections import Connections
from .cors import Cors
from .errors_page import ErrorsPage
from .event_page import EventPage
from .export import Export
from .facts import FactsReader
from .feed import Feed
from .grouping import Grouping
from .handbook import Handbook
from .health import Health
from .ingest import Ingest
from .issue_pages import IssuePages
from .issues_api import IssuesApi
from .janitor import Janitor
from .keys import ANY, Keys
from .limiter import Limiter
from .login import Login
from .logs import hide
from .metrics import Metrics
from .openapi import openapi_json
from .original_frames import OriginalFrames
from .own_address import OwnAddress
from .pages import problem
from .proxies import Proxies
from .queries import Queries
from .refusals import Refusals
from .regrouping import RulesInForce
from .secret import owner_secret
from .shares import SharedPage, Shares
from .sharing import Ledger, Sharing
from .source_maps import SourceMaps
from .stream import Stream
from .writer import Writer

INGEST_PATH: Final = "/api/errors/log"


class Collector:
    """The parts of a running collector that outlive a request; `app.state.collector` of an app of `create_app`."""

    def __init__(self, storage: Storage, secret: str, settings: CollectorSettings, alerts: AlertSettings) -> None:
        self.storage = storage
        self.alerting = Alerting(storage, alerts)
        self.refusals = Refusals()
        self.writer = Writer(storage)
        self.writer.on_critical = self.alerting.wake
        self.auth = Auth(secret, storage)
        self.feed = Feed(storage)
        self.stream = Stream(self.feed, self.auth)
        self.facts = FactsReader(self._tell)
        self.address = OwnAddress(alerts.dashboard_url, self.alerting)
        self.handbook = Handbook(storage, settings, alerts, self.alerting, self.address)
        self.janitor = Janitor(
            storage,
            self.refusals,
            retention_days=settings.retention_days,
            max_bytes=settings.max_database_bytes,
        )
        self.health = Health(self.facts, self.writer, self.alerting, self.janitor, settings.max_database_bytes)
        #: Counted by our own server (`server.serve`); in somebody else's, none are.
        self.connections = Connections()
        limiter = None
        self.sharing: Sharing | None = None
        if settings.rate_limit is not None:
            ledger = Ledger(secret) if storage.exchange is not None else None
            named = set(settings.ingest_keys.values()) - {ANY}
            limiter = Limiter(settings.rate_limit, named.union(storage.services()), ledger)
            if ledger is not None and storage.exchange is not None:
                self.sharing = Sharing(ledger, storage.exchange)
        keys = dict(settings.ingest_keys)
        #: With which the alerts' canary comes in, where a key is asked for.
        self.canary_key = secrets.token_urlsafe() if keys else None
        if self.canary_key is not None:
            keys[self.canary_key] = CANARY_SERVICE
        self.original_frames = OriginalFrames(storage)
        self.source_maps = SourceMaps(storage, settings.max_database_bytes)
        self.rules = RulesInForce(storage)
        cors = Cors(settings.allowed_origins)
        self.ingest = Ingest(self.writer, self.refusals, limiter, Keys(keys), cors, self.rules)

    def _tell(self) -> dict[str, Any]:
        health = self.storage.health()
        if health.get("damaged"):
            # Of it nothing more can be asked.
            return health
        day_ago = instants.to_text(datetime.now(timezone.utc) - timedelta(days=1))
        return {**health, **self.alerting.facts(), "refused": self.storage.refused(day_ago)}

    def close(self) -> None:
        """Take no more, and close the database. What is not committed by then is not answered with a 2xx either."""
        self.feed.close()
        self.writer.close()
        self.alerting.close()
        self.janitor.close()
        self.rules.close()
        if self.sharing is not None:
            self.sharing.close()
        self.storage.close()


class CollectorApp(Starlette):
    """Starlette, with the one hot route in front of it.

    A request through Starlette's middleware and router costs as much as the whole rest of the way to the writer.

    Args:
        ingest: what answers a POST to `INGEST_PATH`. Mounted under another path it is reached through the router.
        proxies: who is believed when it names another client; `None`: nobody.
        options: as Starlette takes them.
    """

    def __init__(self, ingest: Ingest, proxies: Proxies | None, **options: Any) -> None:
        super().__init__(**options)
        self._ingest = ingest
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if self._proxies is not None:
                scope = self._proxies.resolve(scope)
            if scope["path"] == INGEST_PATH and scope["method"] == "POST":
                await self._ingest(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def create_app(settings: CollectorSettings | None = None, alerts: AlertSettings | None = None) -> Starlette:
    """The collector as an ASGI application, ready at once: to be served, or mounted in an application of yours.

    Starlette runs no lifespan of a mounted application; call `app.state.collector.close()` at the end of your own. If
    you do not, nothing that was answered with a 2xx is lost all the same.

    Args:
        settings: by default those of the environment.
        alerts: by default those of the environment, too, if the others are; else nobody is told.

    Raises:
        ConfigError: for a setting that cannot be used.
        StorageUnusableError: for a database that cannot be used.
    """
    if alerts is None:
        alerts = AlertSettings.from_env() if settings is None else AlertSettings()
    settings = settings or CollectorSettings.from_env()
    # Before anything can be logged of them.
    hide(*alerts.secrets)
    storage = open_storage(
        settings.database, max_bytes=settings.max_database_bytes, min_free_bytes=settings.min_free_bytes
    )
    try:
        secret = owner_secret(settings)
        collector = Collector(storage, secret, settings, alerts)
    except BaseException:
        storage.close()
        raise
    hide(secret, *settings.ingest_keys)
    if is_address(settings.database):
        hide(settings.database)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await collector.writer.drain()
        await run_in_threadpool(collector.close)

    app = CollectorApp(
        collector.ingest,
        # Where no proxy is trusted, no header is even looked at.
        Proxies(settings.trusted_proxies) if settings.trusted_proxies else None,
        routes=_public(collector),
        exception_handlers={LevqorError: _our_error, HTTPException: _http_error, Exception: _internal_error},
        lifespan=lifespan,
    )
    # What no public route takes. As the default, and not as a route: no path, however odd, can pass it by.
    owner = Router(_owner(collector), redirect_slashes=False, default=_nothing_there)
    app.router.default = OwnerOnly(owner, collector.auth)
    # A redirect to a path with or without a slash would be built from the Host header, which anyone may forge.
    app.router.redirect_slashes = False
    app.state.collector = collector
    collector.alerting.start(app, INGEST_PATH, collector.canary_key)
    return app


def _public(collector: Collector) -> list[BaseRoute]:
    login = Login(collector.auth)
    return [
        Route(INGEST_PATH, collector.ingest, methods=["POST", "OPTIONS"]),
        Route("/healthz", collector.health.get),
        Route("/metrics", Metrics(collector.facts, collector.writer, collector.refusals, collector.connections).get),
        Route("/api/openapi.json", openapi_json),
        Route("/login", login.form, methods=["GET"]),
        Route("/login", login.submit, methods=["POST"]),
        Route("/shared/{token}", SharedPage(collector.storage).get),
        Route("/errorClient.js", BrowserClient().get),
        Mount("/static", Assets()),
    ]


def _owner(collector: Collector) -> list[BaseRoute]:
    queries = Queries(collector.storage, collector.original_frames)
    event_page = EventPage(collector.storage, collector.original_frames)
    errors_page = ErrorsPage(
        collector.storage,
        collector.health,
        address=collector.address,
        needs_key=collector.canary_key is not None,
    )
    issues = IssuePages(collector.storage, collector.original_frames, collector.health)
    issues_api = IssuesApi(collector.storage)
    shares = Shares(collector.storage, issues, collector.address)
    grouping = Grouping(collector.storage, collector.rules)
    login = Login(collector.auth)
    return [
        Route("/api/errors/recent", queries.recent),
        Route("/api/errors/news", queries.news),
        Route("/api/errors/stats", queries.stats),
        Route("/api/errors/stream", collector.stream.get),
        Route("/api/errors/{id}", queries.get),
        Route("/api/errors/{id}/alerts", queries.alerts),
        Route("/api/issues", issues_api.issues),
        Route("/api/issues/undo", issues_api.undo, methods=["POST"]),
        Route("/api/issues/{id:int}", issues_api.one, methods=["GET", "POST"]),
        Route("/api/issues/{id:int}/grouping", grouping.explain, methods=["GET", "POST"]),
        Route("/api/issues/{id:int}/grouping/{rule:int}", grouping.rule, methods=["DELETE"]),
        Route("/api/issues/{id:int}/split", grouping.split, methods=["POST"]),
        Route("/api/sourcemaps", collector.source_maps.answer, methods=["GET", "POST", "DELETE"]),
        Route("/", errors_page.home),
        Route("/owner", errors_page.home),
        Route("/owner/errors", errors_page.errors),
        Route("/owner/errors/{id}", event_page.event),
        Route("/owner/export", Export(collector.storage).export),
        Route("/owner/handbook", collector.handbook.get),
        Route("/owner/issues", issues.all, methods=["GET", "POST"]),
        Route("/owner/issues/{id}", issues.issue),
        Route("/owner/issues/{id}/grouping", grouping.press, methods=["POST"]),
        Route("/owner/issues/{id}/shares", shares.change, methods=["POST"]),
        Route("/owner/undo", issues.undo, methods=["POST"]),
        Route("/logout", login.sign_out, methods=["POST"]),
    ]


async def _nothing_there(scope: Scope, receive: Receive, send: Send) -> None:
    if is_page_load(Request(scope)):
        page = problem(Request(scope), RequestRefusedError(404, "There is no page at this address."))
        await page(scope, receive, send)
        return
    raise HTTPException(404)


async def _our_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LevqorError)
    return error_response(error)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JsonResponse({"ok": False, "error": error.detail}, error.status_code, dict(error.headers or {}))


async def _internal_error(request: Request, error: Exception) -> Response:
    # Starlette raises it again after this answer, and the server logs it with its traceback.
    return JsonResponse({"ok": False, "error": "internal error; the collector's log has the details"}, 500)
