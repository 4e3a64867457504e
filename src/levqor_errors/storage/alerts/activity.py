"""How much services send, for rules about rates and about silence. Only reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from ...alert_rules import ANY, RateRule
from ..base import CANARY_SERVICE
from . import AlertDialect

#: Events that a look at the past reads at a time.
_CHUNK: Final = 10_000


class Activity:
    """What was sent."""

    def __init__(self, db: AlertDialect) -> None:
        self._db = db

    def reached(self, rule: RateRule, since: str) -> list[tuple[str, int]]:
        """Services that have reached a rule's number since an instant, and by how many events."""
        where, values = _conditions(rule)
        rows = self._db.run(
            f"SELECT service, COUNT(*) FROM error_events WHERE received_at >= ? AND {where}"
            " GROUP BY service HAVING COUNT(*) >= ? ORDER BY 1",
            [since, *values, rule.number],
        )
        return [(service, count) for service, count in rows]

    def moments(self, rule: RateRule, since: str) -> Iterator[tuple[str, str]]:
        """Each event that a rule counts, as (service, received_at), from an instant on, the oldest first."""
        where, values = _conditions(rule)
        last: tuple[Any, ...] = (since, 0)
        while True:
            rows = self._db.run(
                f"SELECT service, received_at, id FROM error_events WHERE (received_at, id) > (?, ?) AND {where}"
                " ORDER BY received_at, id LIMIT ?",
                [*last, *values, _CHUNK],
            )
            for service, received_at, _ in rows:
                yield service, received_at
            if len(rows) < _CHUNK:
                return
            last = rows[-1][1:]

    def known_since(self, services: Collection[str]) -> dict[str, str]:
        """In which hour each service sent something first."""
        marks = ", ".join("?" * len(services))
        query = f"SELECT service, MIN(hour) FROM {self._db.counts} WHERE service IN ({marks}) GROUP BY service"
        return dict(self._db.run(query, list(services))) if services else {}

    def hours(self, since: str) -> dict[str, list[str]]:
        """For each service the hours in which it sent something, from an hour on, the oldest first."""
        hours: dict[str, list[str]] = {}
        rows = self._db.run(
            f"SELECT DISTINCT service, hour FROM {self._db.counts} WHERE hour >= ? AND service <> ? ORDER BY 1, 2",
            [since, CANARY_SERVICE],
        )
        for service, hour in rows:
            hours.setdefault(service, []).append(hour)
        return hours


def _conditions(rule: RateRule) -> tuple[str, list[Any]]:
    where = f"severity IN ({', '.join('?' * len(rule.severities))}) AND service <> ?"
    values: list[Any] = [*rule.severities, CANARY_SERVICE]
    if rule.service != ANY:
        where += " AND service = ?"
        values.append(rule.service)
    return where, values
