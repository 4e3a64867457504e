"""News of a PostgreSQL database: what was committed after a cursor. Used by `storage.py`; `listen.py` tells when to
look.

An event's id is drawn before its commit, and of two commits under way the one with the lower ids may end last. So a
cursor is no id. It says, as a snapshot does, which transactions have been read: all below a number, but for some that
were still running. What one of those commits later is not skipped, and nothing is read twice. Nor does anybody wait for
a transaction that runs for long: any in any database of the server would hold up a reader of "all below the oldest".

The number is the highest of a commit that was seen, plus one, and not a snapshot's own upper end. After a crash the
server gives out again the numbers that it had given to transactions which left no trace on the disk, and the events of
such a one would be taken for read. A commit that is seen is on the disk (`synchronous_commit = on`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson
from psycopg import Connection

from ..base import News

#: The cursor of another kind of database begins with another letter, and is none here.
_KIND: Final = "p"
_WRITTEN: Final = re.compile(_KIND + r"([0-9]{1,19}(?:-[0-9]{1,19})*)((?:\.[0-9]{1,19}\.[0-9]{1,9})*)")
#: Transactions are counted in 64 bits, and nobody gets that far.
_NEVER: Final = 2**63 - 1

# One statement and so one state. The parts by index: an OR of both would read the table from its beginning.
_READ: Final = """
    WITH fresh AS MATERIALIZED (
        (SELECT xid, ids FROM news WHERE xid = ANY(%s::text[]::xid8[]))
        UNION ALL (SELECT xid, ids FROM news WHERE xid >= %s::text::xid8 ORDER BY xid LIMIT %s)
        ORDER BY xid LIMIT %s
    ), counted AS (
        SELECT xid, ids, sum(cardinality(ids)) OVER (ORDER BY xid) - cardinality(ids) AS before FROM fresh
    )
    SELECT
        pg_current_snapshot()::text,
        (SELECT xid::text::bigint FROM news ORDER BY xid LIMIT 1),
        (SELECT xid::text::bigint FROM news ORDER BY xid DESC LIMIT 1),
        (SELECT count(*) FROM fresh),
        (SELECT json_agg(json_build_array(xid::text::bigint, ids) ORDER BY xid)::text FROM counted WHERE before < %s)
"""
# A dump brings the numbers of another server with it. Those that are still to come here would be met again, and until
# then a cursor behind them would take everything for read.
_FORGET_FOREIGN: Final = """
    DELETE FROM news WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())
"""
# Of a table in which nothing was ever it could not be told what is forgotten. Not our own number: what runs while this
# is written, anybody's on the server, has a lower one, and would be taken for forgotten at its end.
_BEGIN: Final = """
    INSERT INTO news (xid, ids) SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)::text::xid8, '{}'
    WHERE NOT EXISTS (SELECT FROM news) ON CONFLICT DO NOTHING
"""


class _Cursor(NamedTuple):
    """Which transactions have been read: those below `below`, but not those in `running`."""

    below: int
    running: Sequence[int] = ()
    #: Of which others the first ids have been read, and how many; mostly none. What then ends with a lower number comes
    #: first, so there may be several.
    parts: Mapping[int, int] = MappingProxyType({})

    def __str__(self) -> str:
        parts = "".join(f".{xid}.{taken}" for xid, taken in self.parts.items())
        return f"{_KIND}{'-'.join(map(str, (self.below, *self.running)))}{parts}"


def _parse(text: str) -> _Cursor | None:
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    below, *running = map(int, found[1].split("-"))
    parts = list(map(int, found[2].split(".")[1:]))
    return _Cursor(below, running, dict(zip(parts[::2], parts[1::2], strict=True)))


def begin(connection: Connection[Any]) -> None:
    """See that the table has only numbers of this server, and one of before all that is still to come."""
    connection.execute(_FORGET_FOREIGN)
    connection.execute(_BEGIN)


def read(connection: Connection[Any], after: str | None, most: int) -> News:
    """See `Storage.news`."""
    cursor = None if after is None else _parse(after)
    wanted = cursor or _Cursor(_NEVER)
    # A row more than there may be ids, to see whether there are more; each has at least one, but for the first of all.
    at_most = most + sum(wanted.parts.values())
    values = [list(map(str, wanted.running)), str(wanted.below), most + 1, most + 1, at_most]
    found = connection.execute(_READ, values).fetchone()
    assert found is not None
    snapshot, oldest, newest, number, fresh = found
    if newest is None:
        # Somebody emptied it by hand.
        connection.execute(_BEGIN)
        return read(connection, after, most)
    running = [int(xid) for xid in snapshot.split(":")[2].split(",") if xid]
    if cursor is None or _has_missed(cursor, oldest, newest, set(running)):
        present = _Cursor(newest + 1, [xid for xid in running if xid <= newest])
        return News([], str(present), more=False, missed=after is not None)
    rows: list[tuple[int, list[int]]] = orjson.loads(fresh) if fresh else []
    ids: list[int] = []
    parts = dict(cursor.parts)
    last = 0
    for xid, new in rows:
        start = parts.pop(xid, 0)
        end = start + most - len(ids)
        ids += new[start:end]
        if end < len(new):
            parts[xid] = end
            break
        last = xid
    more = bool(parts) or len(rows) < number or number > most
    below = max(cursor.below, last + 1 if more else newest + 1)
    left = {xid for xid in running if xid < below}
    if more:
        # Some of them may have ended, and are among what is still to be read.
        left.update(xid for xid in cursor.running if xid > last)
    return News(ids, str(_Cursor(below, sorted(left), parts)), more=more, missed=False)


def _has_missed(cursor: _Cursor, oldest: int, newest: int, running: set[int]) -> bool:
    """Whether what the cursor has not read may be forgotten, or the cursor is of another database.

    What is forgotten is older than the oldest that is there (`upkeep.fold_counts`), for no commit takes as long as news
    are kept. A transaction that still runs has nothing there that could be forgotten; of one that has run for longer
    than that, anybody's on the server, nobody knows at its end.
    """
    if not oldest <= cursor.below <= newest + 1:
        return True
    return any(xid < oldest and xid not in running for xid in cursor.running)
