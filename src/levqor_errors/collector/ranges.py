"""The range of time that the list of errors shows, as it stands in an address: `range=24h`, or `since` and `until`.

Comes before the queries of the list (`errors_page.py`), and of what is opened from it: the page of an event, an export.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Final

from starlette.datastructures import QueryParams

from .. import instants
from ..errors import RequestRefusedError
from ..storage import Filters
from .queries import read_filters

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
#: What a page offers: how long it is, and what it is called, also in short.
PRESETS: Final[Mapping[str, tuple[timedelta, str, str]]] = {
    "1h": (HOUR, "hour", "1 h"),
    "24h": (DAY, "24 hours", "24 h"),
    "7d": (7 * DAY, "7 days", "7 d"),
    "30d": (30 * DAY, "30 days", "30 d"),
}
ALL: Final = "all"
CUSTOM: Final = "custom"
#: Long enough to see what is new against yesterday, short enough to be about now.
DEFAULT: Final = "24h"


@dataclass(frozen=True, slots=True)
class Range:
    """A range.

    Attributes:
        name: one of `PRESETS`, `ALL` or `CUSTOM`.
        since: its first instant; `None`: whenever there was something first.
        until: its end, which is not in it; `None`: it goes on.
        now: the clock when it was asked for.
    """

    name: str
    since: datetime | None
    until: datetime | None
    now: datetime

    @property
    def length(self) -> timedelta | None:
        """How long it is, as far as that is known."""
        return None if self.since is None else max((self.until or self.now) - self.since, timedelta())

    @property
    def before(self) -> tuple[str, str] | None:
        """The range of the same length before this one, where there is one."""
        length = self.length
        if self.since is None or not length:
            return None
        try:
            return instants.to_text(self.since - length), instants.to_text(self.since)
        except OverflowError:
            return None

    @property
    def words(self) -> str:
        """What it is called; the ends of one that has no name are shown instead."""
        if self.name in PRESETS:
            return f"the last {PRESETS[self.name][1]}"
        return "all time" if self.name == ALL else "this range"

    @property
    def words_before(self) -> str:
        """What the range before is called."""
        if self.name in PRESETS:
            return f"the {PRESETS[self.name][1]} before"
        return "the same length of time before"

    def within(self, filters: Filters) -> Filters:
        """Filters, in this range."""
        since, until = (None if edge is None else instants.to_text(edge) for edge in (self.since, self.until))
        return replace(filters, since=since, until=until)

    def wider(self) -> dict[str, str]:
        """Parameters of a wider range around this one: the next of those that are offered, or all."""
        length = self.length
        if length is None or self.since is None:
            return {"range": ALL}
        for span, _, _ in PRESETS.values():
            if span > length:
                try:
                    since = self.since - (span - length) / 2
                    until = since + span
                except OverflowError:
                    break
                if until >= self.now:
                    since, until = self.now - span, self.now
                return edges(since, until)
        return {"range": ALL}


def edges(since: datetime, until: datetime) -> dict[str, str]:
    """The parameters of a range of its own."""
    return {"since": instants.to_text(since), "until": instants.to_text(until)}


def read_range(params: QueryParams, filters: Filters) -> Range:
    """The range in a query string: its ends if it has any, else what it is called. Where nothing is said it is the
    default; all time for one issue or event, which are looked for wherever they are.

    Args:
        params: of the address.
        filters: what `read_filters` read of the same.

    Raises:
        RequestRefusedError: 400: there is none of that name.
    """
    now = datetime.now(timezone.utc)
    if filters.since or filters.until:
        since, until = (None if edge is None else instants.from_text(edge) for edge in (filters.since, filters.until))
        return Range(CUSTOM, since, until, now)
    sought = filters.issue_id is not None or filters.event_id is not None
    name = params.get("range") or (ALL if sought else DEFAULT)
    if name == ALL:
        return Range(ALL, None, None, now)
    if name not in PRESETS:
        raise RequestRefusedError(400, f"range must be one of {', '.join(PRESETS)}, {ALL}")
    return Range(name, now - PRESETS[name][0], None, now)


def read_list(params: QueryParams) -> tuple[Filters, Range]:
    """Which events the list shows whose address has these parameters, with its range.

    Raises:
        RequestRefusedError: 400, as `read_filters` and `read_range` do.
    """
    filters = read_filters(params)
    span = read_range(params, filters)
    return span.within(filters), span
