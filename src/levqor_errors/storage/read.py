"""Reading events: pages and single events. The same SQL for each database, but for the search. Numbers: `stats.py`.

Every value goes into a statement as a parameter; what is put together as text here is fixed SQL only. A parameter is
written `?`, and `Dialect.run` makes of it what its driver takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import orjson

from .. import limits
from .base import Filters, Page
from .bounds import id_bounds
from .conditions import conditions
from .matches import OF_ISSUE, narrows, range_condition, words_condition
from .windows import Window, windows

#: What a page shows of each event: all but the context, which can be large.
_PAGE_COLUMNS: Final = (
    "id", "created_at", "source", "service", "path_or_screen", "user_email", "severity", "message", "stack",
    "event_id", "received_at", "issue_id", "environment", "release",
)  # fmt: skip
_SELECT: Final = ", ".join(f"e.{column}" for column in _PAGE_COLUMNS)
_ISSUE_COLUMNS: Final = (
    "id", "fingerprint", "grouping", "title", "service", "state", "first_seen", "last_seen", "count", "regressions",
)  # fmt: skip

#: A row takes as long to read as so many ids in an index.
_LISTED: Final = 25


class Dialect(NamedTuple):
    """What differs between databases."""

    #: Runs a statement with its values; gives its rows.
    run: Callable[[str, Sequence[Any]], Iterable[Any]]
    #: Tables, or views of them, with the columns of `event_counts`, `issues` and `issue_counts`.
    counts: str
    issues: str
    #: The same of `event_hours`.
    hours: str
    issue_counts: str
    #: Before a column that is not to be looked up in an index, where the planner takes any equality for a rare one.
    no_index: str
    #: Which event has an id of its sender's, with one parameter.
    event_condition: str
    #: Where events with words to be found come from, the events as `e`.
    search_tables: str
    #: Their ids.
    search_order: str
    #: The same to sort by: what is not walked through in that order, where each text would have to be read again.
    search_sort: str
    #: How many of the next ones have words, the lowest and the highest of their ids, of ids between two, so many at
    #: most; with a condition and a direction to be put in. `None`: other indexes lead to those that match besides.
    search_end: str | None
    #: That they are in an index under a condition, which is put in, and between two ids: a row takes longer to read.
    search_listed: str
    #: That they are in a window, and the values of that.
    search_window: str
    search_window_values: Callable[[Window], Sequence[Any]]
    #: What they have to match, with one parameter.
    search_condition: str
    #: The parameter, of words that have a letter or digit each; without any it matches nothing.
    search_value: Callable[[list[str]], str]
    #: What titles of issues `i` have to match, and the parameter, of words or beginnings of them.
    title_condition: str
    title_value: Callable[[list[str]], str]


def recent(
    db: Dialect,
    filters: Filters,
    *,
    limit: int,
    before: int | None,
    among: Sequence[int] | None,
    after: int | None = None,
    whole: bool = False,
    reach: int | None = None,
) -> Page:
    """A page of events by id, the newest first; `whole` with their context as an object; see `Storage.recent`.

    Raises:
        orjson.JSONDecodeError: a context is none; see `get`.
    """
    columns = (*_PAGE_COLUMNS, "context") if whole else _PAGE_COLUMNS
    errors: list[dict[str, Any]] = []
    next_: int | None = None
    size = 0
    at_most = _Reach(reach if narrows(filters) else None)
    for row in _rows(db, filters, limit + 1, at_most, before=before, after=after, among=among, columns=columns):
        if len(errors) == limit or size > limits.PAGE_BYTES:
            next_ = errors[-1]["id"]
            break
        event = dict(zip(columns, row, strict=True))
        if whole:
            event["context"] = _context(event["context"])
        errors.append(event)
        size += sum(len(value) for value in row if isinstance(value, str))
    is_short = next_ is None and at_most.end is not None
    return Page(errors if after is None else errors[::-1], at_most.end if is_short else next_, is_short)


class _Reach:
    """How far a search goes for a page.

    Args:
        left: how many events that have the words are looked at; `None`: all.
    """

    def __init__(self, left: int | None) -> None:
        self.left = left
        #: The last of them, when there are no more left.
        self.end: int | None = None


def _rows(
    db: Dialect,
    filters: Filters,
    most: int,
    reach: _Reach,
    *,
    before: int | None,
    after: int | None,
    among: Sequence[int] | None,
    columns: Sequence[str],
) -> Iterable[Any]:
    """Events in their order, as long as somebody asks for more."""
    where, values = conditions_of(db, filters)
    order, direction = _order(db, filters), "DESC" if after is None else "ASC"
    select = f"SELECT {', '.join(f'e.{column}' for column in columns)} FROM {_tables(db, filters)} WHERE"
    if among is not None:
        if among:
            where.append(_among(order, len(among)))
            values += [min(among), max(among), *among]
            query = f"{select} {' AND '.join(where)} ORDER BY {order} {direction} LIMIT ?"
            yield from db.run(query, [*values, most])
        return
    if filters.q is not None:
        where.append(db.search_window)
        words, word_values = words_condition(db, filters.q)
        for window in windows(db, filters, before=before, after=after):
            listed, listed_values = list[str](), list[Any]()
            if reach.left is not None and db.search_end is not None:
                # Where it ends, by the index alone.
                looked_at = [*word_values, *window[:2], reach.left]
                ((number, low, high),) = db.run(db.search_end.format(words, direction), looked_at)
                reach.left -= number
                if not number:
                    continue
                window = window._replace(low=low, high=high)
                if not reach.left:
                    reach.end = low if after is None else high
                if high - low < _LISTED * number:
                    listed, listed_values = _listed(db, filters, window)
            all_of = " AND ".join([*where, *listed])
            query = f"{select} {all_of} ORDER BY {db.search_sort} {direction} LIMIT ?"
            for row in db.run(query, [*values, *db.search_window_values(window), *listed_values, most]):
                yield row
                most -= 1
            if not most or reach.end is not None:
                return
        return
    # Of an issue alone the counts say nothing.
    if filters.event_id is None and filters != Filters(issue_id=filters.issue_id):
        bounds = id_bounds(db, filters)
        if bounds is None:
            return
        where.append("e.id BETWEEN ? AND ?")
        values += bounds
    if before is not None:
        where.append("e.id < ?")
        values.append(before)
    if after is not None:
        where.append("e.id > ?")
        values.append(after)
    condition = " AND ".join(where) or "1 = 1"
    yield from db.run(f"{select} {condition} ORDER BY e.id {direction} LIMIT ?", [*values, most])


def _listed(db: Dialect, filters: Filters, window: Window) -> tuple[list[str], list[Any]]:
    """That ids are among those of a window that indexes have under what is asked for."""
    where: list[str] = []
    values: list[Any] = []
    for column in ("service", "severity", "environment", "release"):
        condition, of_column = conditions(replace(Filters(), **{column: getattr(filters, column)}))
        if condition:
            where.append(db.search_listed.format(*condition))
            values += [*of_column, *window[:2]]
    return where, values


def matching(db: Dialect, filters: Filters, among: Sequence[int]) -> list[int]:
    """Ids of those that match."""
    if not among:
        return []
    where, values = conditions_of(db, filters)
    where.append(_among(_order(db, filters), len(among)))
    rows = db.run(
        f"SELECT e.id FROM {_tables(db, filters)} WHERE {' AND '.join(where)}",
        [*values, min(among), max(among), *among],
    )
    return sorted(id_ for (id_,) in rows)


def _among(order: str, number: int) -> str:
    # Their range as well, so that no search goes through what is older.
    return f"{order} BETWEEN ? AND ? AND e.id IN ({', '.join('?' * number)})"


def get(db: Dialect, id_: int) -> dict[str, Any] | None:
    """One event, with `context` as an object and its issue under `issue`.

    Raises:
        orjson.JSONDecodeError: its context is none. It was when it was stored; a database sees damage in its own
            structure only.
    """
    found = next(iter(db.run(f"SELECT {_SELECT}, e.context FROM error_events e WHERE e.id = ?", [id_])), None)
    if found is None:
        return None
    event = dict(zip((*_PAGE_COLUMNS, "context"), found, strict=True))
    event["context"] = _context(event["context"])
    issue = next(
        iter(db.run(f"SELECT {', '.join(_ISSUE_COLUMNS)} FROM {db.issues} WHERE id = ?", [event["issue_id"]])), None
    )
    event["issue"] = None
    if issue is not None:
        event["issue"] = dict(zip(_ISSUE_COLUMNS, issue, strict=True))
        event["issue"]["grouping"] = orjson.loads(event["issue"]["grouping"])
    return event


def _context(stored: str | None) -> Any:
    return orjson.loads(stored) if stored else {}


def _tables(db: Dialect, filters: Filters) -> str:
    return db.search_tables if filters.q is not None else "error_events e"


def _order(db: Dialect, filters: Filters) -> str:
    return db.search_order if filters.q is not None else "e.id"


def conditions_of(db: Dialect, filters: Filters) -> tuple[list[str], list[Any]]:
    """Conditions on what `_tables` says."""
    where, values = conditions(filters, "e.")
    if filters.issue_id is not None:
        where.append(OF_ISSUE)
        values += [filters.issue_id, filters.issue_id]
    if filters.event_id is not None:
        where.append(db.event_condition)
        values.append(filters.event_id)
    if filters.q is not None:
        in_range, range_values = range_condition(db, filters)
        words, word_values = words_condition(db, filters.q)
        return [*where, *in_range, words], [*values, *range_values, *word_values]
    # Whoever asks gives bounds of ids as well, in whose order all is read.
    if filters.since is not None:
        where.append(f"{db.no_index}e.received_at >= ?")
        values.append(filters.since)
    if filters.until is not None:
        where.append(f"{db.no_index}e.received_at < ?")
        values.append(filters.until)
    return where, values
