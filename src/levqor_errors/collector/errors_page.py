"""The owner's list of errors: what is wrong, at a glance, then the events themselves. Rendered here, without scripts.

Everything that is chosen is in the address, so that a view can be kept and shared. `errors_view.py`, `timeline.py` and
`chart.py` make ready what the template writes down.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from .. import instants, limits
from ..errors import RequestRefusedError, StorageUnavailableError
from ..event import Source
from ..storage import Filters, Page, Storage
from .chart import draw
from .errors_view import FIELDS, SEVERITIES, address, cards, chips, choices, in_range, service_rows
from .health import Health
from .login import HOME
from .own_address import OwnAddress
from .pages import page, problem
from .queries import read_number
from .ranges import CUSTOM, DEFAULT, Range, edges, read_list
from .stream import query_of_page
from .strip import strip
from .timeline import timeline, totals, unit_of

PAGE_ROWS: Final = 50
_RANGE: Final = ("range", "since", "until")
#: Names that were used in so many days are suggested.
_NAMED: Final = timedelta(days=7)


class ErrorsPage:
    """The endpoints.

    Args:
        storage: where to read.
        health: what may be wrong, which the page says above all else.
        address: where services reach the collector.
        needs_key: whether senders have to show a key.
    """

    def __init__(self, storage: Storage, health: Health, *, address: OwnAddress, needs_key: bool) -> None:
        self._storage = storage
        self._health = health
        self._address = address
        self._needs_key = needs_key

    async def home(self, request: Request) -> Response:
        """GET /: to the list."""
        return RedirectResponse(f"{request.scope.get('root_path', '')}{HOME}", 307)

    async def errors(self, request: Request) -> Response:
        """GET /owner/errors."""
        params = request.query_params
        given = {name: ",".join(filter(None, params.getlist(name))) for name in FIELDS}
        carried = {name: value for name, value in given.items() if value}
        try:
            filters, span = read_list(params)
            # First, so that nothing falls between what the page has and what is told live.
            live = await run_in_threadpool(self._live, params, filters, carried)
            values = await run_in_threadpool(self._read, params, filters, span, carried)
        except (RequestRefusedError, StorageUnavailableError) as error:
            return problem(request, error)
        health = strip(await self._health.report(owner=True))
        if values is None:
            return page(
                request, "welcome.html", strip=health, address=self._address.of(request), needs_key=self._needs_key,
                live=live, errors=[],
            )  # fmt: skip
        kept: dict[str, str] = {name: carried[name] for name in _RANGE if name in carried}
        return page(
            request, "errors.html", **values, live=live, strip=health, given=given, carried=carried, span=span,
            chosen=filters.severity, severities=SEVERITIES, sources=list(Source), clear=address(kept),
            is_default=span.name == DEFAULT and "range" not in carried, is_custom=span.name == CUSTOM,
        )  # fmt: skip

    def _live(self, params: QueryParams, filters: Filters, carried: dict[str, str]) -> str | None:
        """What to ask the live stream for; `None`: a page of older events stays as it is."""
        if params.get("before") or params.get("after"):
            return None
        return query_of_page(self._storage, {name: carried[name] for name in carried if name != "range"}, filters)

    def _read(
        self, params: QueryParams, filters: Filters, span: Range, carried: dict[str, str]
    ) -> dict[str, Any] | None:
        """What the page shows; `None`: there was never anything."""
        named_since = instants.hour_of(instants.to_text(span.now - _NAMED))
        # Of all severities, so that one sees beside one's choice what there is else.
        overview = self._storage.overview(
            replace(filters, severity=()), unit=unit_of(span), before=span.before, named_since=named_since
        )
        listed = self._list(filters, read_number(params, "before"), read_number(params, "after"), carried)
        if not overview.series and not listed["errors"] and not self._storage.services():
            return None
        shown = [severity for severity in SEVERITIES if severity in (filters.severity or SEVERITIES)]
        now = totals([counts for _, counts in overview.series])
        counted_since = overview.counted_since
        drawn = span if counted_since is None else replace(span, since=instants.from_text(counted_since))
        chart = draw(timeline(drawn, overview, shown), shown)
        number = sum(now[severity] for severity in shown)
        if counted_since is not None:
            # Of a severity that is rare among those that were counted, there are at least these.
            number = max(number, len(listed["errors"]))
        rows, more_services = service_rows(overview.services, shown, carried)
        services, environments, releases = overview.names
        return {
            **listed,
            # Retention and a full disk take events away, and never a count.
            "gone": number - len(listed["errors"]) if listed["is_all"] else 0,
            "number_of_events": number,
            "total": sum(now.values()),
            "unnamed": overview.unnamed,
            "names_counted": limits.COUNTED_NAMES,
            "counted_since": counted_since,
            "least": bool(overview.unnamed or counted_since),
            "cards": cards(now, overview.before, span.words_before, filters.severity, carried),
            "chart": chart,
            "bars": [
                (bar, in_range(carried, edges(bar.bucket.since, bar.bucket.until))) for bar in chart.bars if bar.parts
            ],
            "wider": in_range(carried, span.wider()) if span.name == CUSTOM else None,
            "longer": in_range(carried, {"range": "30d"}) if span.length and span.length < timedelta(days=30) else None,
            "shown": shown,
            "services": rows,
            "more_services": more_services,
            "chips": chips(filters.severity, carried),
            "choices": choices(span, carried),
            "names": {"service": services, "environment": environments, "release": releases},
        }

    def _list(self, filters: Filters, before: int | None, after: int | None, carried: dict[str, str]) -> dict[str, Any]:
        """A page of events, and where the pages beside it are."""
        found = Page([], None)
        if after is not None:
            found = self._storage.recent(filters, limit=PAGE_ROWS, after=after, reach=limits.PAGE_LOOKED_AT)
            if found.next is None:
                # Nothing is above them: that is the first page, which is to be as long as others.
                after = None
        if after is None:
            found = self._storage.recent(filters, limit=PAGE_ROWS, before=before, reach=limits.PAGE_LOOKED_AT)
        errors = found.errors
        is_first = before is None and after is None
        has_older = after is not None or found.next is not None
        newer = address(carried, after=str(errors[0]["id"])) if errors else address(carried)
        # Upward, `next` is for the page above.
        end = found.next if after is None and found.is_short else errors[-1]["id"] if errors else None
        if after is not None and found.is_short:
            newer = address(carried, after=str(found.next))
        return {
            "errors": errors,
            "query": address(carried).removeprefix(HOME),
            "is_all": is_first and not has_older,
            "newest": None if is_first else address(carried),
            "newer": None if is_first else newer,
            "older": address(carried, before=str(end)) if has_older and end is not None else None,
            "is_short": found.is_short,
            "looked_at": limits.PAGE_LOOKED_AT,
        }
