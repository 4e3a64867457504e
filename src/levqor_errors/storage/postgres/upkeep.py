"""The upkeep of a PostgreSQL database: counts added up, days made and dropped, news forgotten. Called by `storage.py`
for the janitor of whichever collector has the lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final

from psycopg import Connection

from ... import limits
from ..alerts import AlertDialect, parts
from ..issues.forgetting import FORGOTTEN, forget_rows
from ..rows import RANK
from . import exchange, locks, partitions

#: News are kept this long; who has slept longer reads the pages anew.
NEWS_MINUTES: Final = 60
#: Tables are made for so many days ahead, so that midnight finds one.
DAYS_AHEAD: Final = 2

_TRY: Final = f"SELECT pg_try_advisory_xact_lock({locks.UPKEEP})"
# One statement and so one state: nobody sees a count that is added and still to be added.
FOLD: Final = f"""
    WITH taken AS (
        DELETE FROM tallies RETURNING *
    ), counted AS (
        INSERT INTO event_counts (hour, service, source, severity, environment, release, count)
        SELECT hour, service, source, severity, environment, release, sum(count) FROM taken GROUP BY 1, 2, 3, 4, 5, 6
        ON CONFLICT (hour, service, source, severity, environment, release)
            DO UPDATE SET count = event_counts.count + excluded.count
    ), of_issues AS (
        INSERT INTO issue_counts (issue_id, hour, source, severity, count)
        SELECT issue_id, hour, source, severity, sum(count) FROM taken GROUP BY 1, 2, 3, 4
        ON CONFLICT (issue_id, hour, source, severity) DO UPDATE SET count = issue_counts.count + excluded.count
    ), hours AS (
        INSERT INTO event_hours (hour, first_id, last_id)
        SELECT hour, min(first_id), max(last_id) FROM taken GROUP BY 1
        ON CONFLICT (hour) DO UPDATE SET
            first_id = least(event_hours.first_id, excluded.first_id),
            last_id = greatest(event_hours.last_id, excluded.last_id)
    ), new_users AS (
        INSERT INTO issue_users (issue_id, user_hash)
        SELECT issue_id, one FROM (
            SELECT issue_id, one, row_number() OVER (PARTITION BY issue_id) AS place
            FROM (SELECT DISTINCT issue_id, one FROM taken, unnest(users) AS one) met
            WHERE NOT EXISTS (
                SELECT FROM issue_users known WHERE known.issue_id = met.issue_id AND known.user_hash = one
            )
        ) fresh JOIN issues ON id = issue_id WHERE issues.users + place <= {limits.ISSUE_USERS}
        RETURNING issue_id
    )
    UPDATE issues SET
        count = issues.count + added.count,
        last_seen = greatest(issues.last_seen, added.last_seen),
        severity = (ARRAY['info', 'warning', 'error', 'critical'])[
            greatest({RANK.format("issues.severity")}, added.worst) + 1
        ],
        users = users + (SELECT count(*) FROM new_users WHERE new_users.issue_id = id)
    FROM (
        SELECT issue_id, sum(count) AS count, max(last_seen) AS last_seen, max({RANK.format("severity")}) AS worst
        FROM taken GROUP BY 1
    ) added
    WHERE id = issue_id
"""
# The youngest of those that are too old stays: a reader tells by it what is forgotten (`news.py`). So the table is
# never empty. By number and not by time, of which there is no index; so many at a time are twice what commits bring.
_FORGET_NEWS: Final = f"""
    DELETE FROM news WHERE xid < (
        SELECT xid FROM (SELECT xid, at FROM news ORDER BY xid LIMIT 5000) oldest
        WHERE at < now() - interval '{NEWS_MINUTES} minutes' ORDER BY xid DESC LIMIT 1
    )
"""
_FORGET_TOLD: Final = f"DELETE FROM limits_told WHERE at < now() - interval '{exchange.KEPT_SECONDS} seconds'"
# Not those of days that are still there: a retry may come for them. Ids of two days overlap a little at midnight.
_FORGET_KEYS: Final = """
    DELETE FROM event_keys WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM event_keys WHERE id < (SELECT min(id) FROM error_events) LIMIT %s
    ))
"""
_NOISIEST: Final = """
    SELECT issue_id, count(*) FROM error_events GROUP BY issue_id HAVING count(*) > 1 ORDER BY 2 DESC LIMIT %s
"""
_FORGOTTEN: Final = f"{FORGOTTEN} AND NOT EXISTS (SELECT 1 FROM tallies WHERE issue_id = issues.id)"
_TRY_ISSUES: Final = f"SELECT pg_try_advisory_xact_lock({locks.ISSUES})"
_DELETE_OLDEST: Final = """
    DELETE FROM error_events WHERE id IN (SELECT id FROM error_events ORDER BY id LIMIT %s)
"""
_DELETE_OLDEST_OF: Final = """
    DELETE FROM error_events WHERE id IN (SELECT id FROM error_events WHERE issue_id = %s ORDER BY id LIMIT %s)
"""
_LIVE: Final = """
    SELECT sum(pg_total_relation_size(relid) * (n_live_tup + 1.0) / (n_live_tup + n_dead_tup + 1.0))::bigint
    FROM pg_stat_user_tables WHERE schemaname = current_schema()
"""


def try_alone(connection: Connection[Any]) -> bool:
    """Whether this is the one that does the upkeep now, until the transaction ends."""
    return bool(connection.execute(_TRY).fetchone() == (True,))


def try_to_regroup(connection: Connection[Any]) -> bool:
    """Whether this is the one that regroups events, as long as it is connected."""
    return bool(connection.execute(f"SELECT pg_try_advisory_lock({locks.REGROUP})").fetchone() == (True,))


def fold_counts(connection: Connection[Any]) -> None:
    """Add up what was appended, and forget old news. Only one at a time does; it is done by others if not here."""
    with connection.transaction():
        if try_alone(connection):
            connection.execute(FOLD)
            connection.execute(_FORGET_NEWS)
            connection.execute(_FORGET_TOLD)


def prepare_days(connection: Connection[Any]) -> None:
    """See that the next days have their tables."""
    today = datetime.now(timezone.utc).date()
    ahead = {(today + timedelta(days=days)).isoformat() for days in range(DAYS_AHEAD)}
    missing = ahead.difference(partitions.days(connection))
    if missing:
        partitions.make(connection, missing)


def prune(connection: Connection[Any], before: str, most: int) -> int:
    """Drop the oldest day if all of it was received before an instant, or some keys of dropped ones."""
    for day in partitions.days(connection):
        if (date.fromisoformat(day) + timedelta(days=1)).isoformat() > before[:10]:
            break
        with connection.transaction():
            if not try_alone(connection):
                return 0
            # With no event in it there is nothing to tell of; on to the next.
            if events := partitions.drop(connection, day):
                return events
    connection.execute(_FORGET_KEYS, [most])
    return 0


class PostgresVictims:
    """What `Thinner` has to know of PostgreSQL.

    Args:
        connection: inside a transaction, if something is to be deleted.
        db: the same, for what belongs to issues.
    """

    def __init__(self, connection: Connection[Any], db: AlertDialect) -> None:
        self._connection = connection
        self._db = db

    def noisiest(self, most: int) -> list[tuple[int, int]]:
        return self._connection.execute(_NOISIEST, [most]).fetchall()

    def forgotten(self, most: int) -> list[int]:
        found = self._connection.execute(f"SELECT id FROM issues WHERE {_FORGOTTEN} ORDER BY id LIMIT %s", [most])
        return [issue for (issue,) in found]

    def events(self) -> int:
        row = self._connection.execute("SELECT count(*) FROM error_events").fetchone()
        return int(row[0]) if row else 0

    # One statement for a whole step, which a step's length is well enough for: the deadline is for SQLite.

    def delete_events(self, issue: int | None, most: int, _deadline: float) -> int:
        if issue is None:
            return self._connection.execute(_DELETE_OLDEST, [most]).rowcount
        return self._connection.execute(_DELETE_OLDEST_OF, [issue, most]).rowcount

    def delete_issues(self, issues: Sequence[int], _deadline: float) -> int:
        if self._connection.execute(_TRY_ISSUES).fetchone() != (True,):
            return 0
        chosen = [
            issue
            for (issue,) in self._connection.execute(
                f"SELECT id FROM issues WHERE id = ANY(%s) AND {_FORGOTTEN} ORDER BY id FOR UPDATE", [list(issues)]
            )
        ]
        for part in parts(chosen):
            forget_rows(self._db, part)
        return self._connection.execute("DELETE FROM issues WHERE id = ANY(%s)", [chosen]).rowcount


def live_bytes(connection: Connection[Any]) -> int:
    """About how many bytes of the server's disk events and all else fill, without what deleted rows have left.

    That space is used again by later rows, and PostgreSQL tells it by estimates only; so each day's table counts by the
    part of its rows that is still there.
    """
    row = connection.execute(_LIVE).fetchone()
    return int(row[0] or 0) if row else 0


def sizes(connection: Connection[Any]) -> int:
    """How many bytes our tables have on the server's disk, with their indexes."""
    row = connection.execute(
        "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
    ).fetchone()
    return int(row[0] or 0) if row else 0
