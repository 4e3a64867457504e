"""The JSON API for reading: recent events, what is new, one event, statistics. Parameters are checked here, for the
pages too."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from .. import instants, limits
from ..alerts.explain import explain
from ..clean import clean_text
from ..errors import RequestRefusedError
from ..event import Source
from ..ids import canonical_uuid
from ..severity import SEVERITY_ALIASES
from ..storage import Filters, News, Storage
from .answers import JsonResponse
from .original_frames import OriginalFrames

#: So many events are a page however large each of them is.
_SURELY_A_PAGE: Final = limits.PAGE_BYTES // limits.EVENT_CHARS
#: An id that SQLite and PostgreSQL can compare with; more digits than that are not an id.
_ID_DIGITS = 18
#: What `read_filters` reads.
_FILTERS: Final = ("severity", "source", "service", "environment", "release", "issue", "q", "since", "until")
#: How long ago: what one types, where nobody knows by heart what time it is in UTC. Bounded to some 270 years.
AGO_PATTERN: Final = "([0-9]{1,5})([mhd])"
_AGO: Final = re.compile(AGO_PATTERN)
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class Queries:
    """The endpoints. What they raise, `app.py` answers by `answers.error_response`.

    Args:
        storage: where to read.
        frames: finds an event's frames in its source.
    """

    def __init__(self, storage: Storage, frames: OriginalFrames) -> None:
        self._storage = storage
        self._frames = frames

    async def recent(self, request: Request) -> Response:
        """GET /api/errors/recent."""
        params = request.query_params
        refuse_unknown(params, *_FILTERS, "limit", "before")
        filters = read_filters(params)
        limit = read_number(params, "limit")
        limit = limits.PAGE_DEFAULT if limit is None else limit
        if not 1 <= limit <= limits.PAGE_MAX:
            raise RequestRefusedError(400, f"limit must be between 1 and {limits.PAGE_MAX}")
        before = read_number(params, "before")
        page = await run_in_threadpool(self._storage.recent, filters, limit=limit, before=before)
        return JsonResponse({"ok": True, "errors": page.errors, "count": len(page.errors), "next": page.next})

    async def news(self, request: Request) -> Response:
        """GET /api/errors/news."""
        params = request.query_params
        refuse_unknown(params, *_FILTERS, "after")
        filters = read_filters(params)
        events, news = await run_in_threadpool(self._news, filters, params.get("after") or None)
        return JsonResponse(
            {
                "ok": True, "errors": events, "count": len(events), "cursor": news.cursor, "more": news.more,
                "missed": news.missed,
            }
        )  # fmt: skip

    def _news(self, filters: Filters, after: str | None) -> tuple[list[dict[str, Any]], News]:
        """What is new and matches, the oldest first."""
        for most in (limits.PAGE_MAX, _SURELY_A_PAGE):
            news = self._storage.news(after, most=most)
            page = self._storage.recent(filters, limit=most, among=news.ids)
            if page.next is None:
                break
        return page.errors[::-1], news

    async def get(self, request: Request) -> Response:
        """GET /api/errors/{id}."""
        event = await run_in_threadpool(self._storage.get, read_id(request))
        if event is None:
            raise RequestRefusedError(404, "there is no event with this id")
        match request.query_params.get("frames", ""):
            case "" | "stored":
                return JsonResponse({"ok": True, "event": event})
            case "original":
                original, notes = await run_in_threadpool(self._frames.resolve, event)
                return JsonResponse({"ok": True, "event": original, "notes": notes})
        raise RequestRefusedError(400, "frames must be stored or original")

    async def alerts(self, request: Request) -> Response:
        """GET /api/errors/{id}/alerts: why its owner was told of it, or not."""
        event = await run_in_threadpool(self._storage.get, read_id(request))
        if event is None:
            raise RequestRefusedError(404, "there is no event with this id")
        answer, lines = await run_in_threadpool(explain, self._storage, event)
        return JsonResponse({"ok": True, "answer": answer, "ledger": lines})

    async def stats(self, request: Request) -> Response:
        """GET /api/errors/stats."""
        refuse_unknown(request.query_params, *_FILTERS)
        stats = await run_in_threadpool(self._storage.stats, read_filters(request.query_params))
        return JsonResponse({"ok": True, **stats})


def refuse_unknown(params: QueryParams, *known: str) -> None:
    """A filter that is passed over gives everything, and whoever misspelt it does not see that.

    What begins with `_` is let through: it is how tools and proxies get round caches.

    Raises:
        RequestRefusedError: 400; there is one that is not known.
    """
    unknown = [name for name, value in params.items() if value and name not in known and not name.startswith("_")]
    if unknown:
        raise RequestRefusedError(400, f"there is no parameter {unknown[0][:50]!r}; there are {', '.join(known)}")


def read_filters(params: QueryParams) -> Filters:
    """The filters in a query string. An empty parameter is the same as none, as forms send it.

    Raises:
        RequestRefusedError: 400, naming the parameter and what is allowed.
    """
    source = read_text(params, "source", 20)
    if source is not None and source not in {member.value for member in Source}:
        raise RequestRefusedError(400, "source must be backend or frontend")
    # Somebody who quotes an error quotes its id.
    q = read_text(params, "q", limits.SEARCH_CHARS)
    event_id = canonical_uuid(q) if q else None
    return Filters(
        severity=read_severities(params),
        source=source,
        service=read_text(params, "service", limits.SERVICE_CHARS),
        environment=read_text(params, "environment", limits.ENVIRONMENT_CHARS),
        release=read_text(params, "release", limits.RELEASE_CHARS),
        issue_id=read_number(params, "issue"),
        event_id=event_id,
        q=None if event_id else q,
        since=_instant(params, "since"),
        until=_instant(params, "until"),
    )


def read_number(params: QueryParams, name: str) -> int | None:
    """A whole number that is not negative, or `None` where it is not given.

    Raises:
        RequestRefusedError: 400, naming the parameter.
    """
    value = params.get(name)
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= _ID_DIGITS):
        raise RequestRefusedError(400, f"{name} must be a whole number")
    return int(value)


def read_id(request: Request, of: str = "event", name: str = "id") -> int:
    """An id in the path, under a name.

    Raises:
        RequestRefusedError: 404; what is not a number names nothing.
    """
    value = str(request.path_params[name])
    if not (value.isascii() and value.isdigit() and len(value) <= _ID_DIGITS):
        raise RequestRefusedError(404, f"there is no {of} with this id")
    return int(value)


def read_severities(params: QueryParams) -> tuple[str, ...]:
    severities = []
    for value in params.getlist("severity"):
        for name in filter(None, value.split(",")):
            severity = SEVERITY_ALIASES.get(name.strip().lower())
            if severity is None:
                raise RequestRefusedError(400, "severity must be of info, warning, error, critical")
            severities.append(severity.value)
    return tuple(dict.fromkeys(severities))


def read_text(params: QueryParams, name: str, most: int) -> str | None:
    value = params.get(name, "").strip()
    if len(value) > most:
        raise RequestRefusedError(400, f"{name} must have at most {most} characters")
    # As the gate cleaned what is stored, so that a filter finds it.
    return clean_text(value, most) or None


def _instant(params: QueryParams, name: str) -> str | None:
    value = params.get(name)
    if not value:
        return None
    if ago := _AGO.fullmatch(value.strip()):
        return instants.to_text(datetime.now(timezone.utc) - int(ago[1]) * _UNITS[ago[2]])
    try:
        # A `+` of a zone comes out of a query string as a space.
        return instants.to_text(instants.from_text(value.replace(" ", "+") if "T" in value else value))
    except ValueError as error:
        raise RequestRefusedError(
            400,
            f"{name} must be an ISO 8601 time such as 2026-11-23T13:00:00Z, or how long ago, such as 30m, 24h or 7d",
        ) from error
