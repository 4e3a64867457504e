"""Which of many alerts are told one by one, when not all may be. No I/O; used by `planner.py`.

A flood must not drown the one alert that matters. So the worst go first, and among equals services take turns, those of
whom least was told lately before the others, and those known longest before names that a flood has made up; no service
has more than half of the messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ..alert_rules import rank
from ..storage.alerts.outbox import Owed

#: The cap is on the messages of so many seconds.
WINDOW_SECONDS: Final = 600
#: The part of them that one service may have.
_SERVICE_PART: Final = 2


def choose(
    due: Sequence[Owed], told: Mapping[str, int], known: Mapping[str, str], *, free: int, cap: int
) -> list[Owed]:
    """Those that get a message each.

    Args:
        due: what is to be told.
        told: how many messages each service had in the window.
        known: since when there is each service.
        free: how many more there may be in it.
        cap: how many there may be in one.
    """
    share = max(1, cap // _SERVICE_PART)
    had = Counter(told)
    chosen: list[Owed] = []
    for group in _by_rank(due):
        waiting = _by_service(group)
        while waiting and len(chosen) < free:
            service = min(waiting, key=lambda name: (had[name], known.get(name, ""), waiting[name][-1].id))
            if had[service] >= share:
                break
            chosen.append(waiting[service].pop())
            had[service] += 1
            if not waiting[service]:
                del waiting[service]
    return chosen


def _by_rank(due: Iterable[Owed]) -> list[list[Owed]]:
    groups: dict[int, list[Owed]] = {}
    for row in due:
        groups.setdefault(rank(row.severity), []).append(row)
    return [groups[key] for key in sorted(groups)]


def _by_service(rows: Iterable[Owed]) -> dict[str, list[Owed]]:
    """Each service's, the one to be told first at the end: what came back, then what has waited longest."""
    services: dict[str, list[Owed]] = {}
    for row in sorted(rows, key=lambda row: (-row.regressed, row.id), reverse=True):
        services.setdefault(row.service, []).append(row)
    return services
