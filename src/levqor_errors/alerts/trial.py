"""What a rule about a rate would have told in the past. No I/O; for `levqor-errors alerts try`."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from datetime import timedelta

from .. import instants
from ..alert_rules import RateRule


def fires(rule: RateRule, moments: Iterable[tuple[str, str]], cooldown: int) -> Iterator[tuple[str, str]]:
    """When it would have told, as (service, instant).

    Args:
        rule: the rule.
        moments: each event that it counts, as (service, received_at), the oldest first.
        cooldown: seconds after a message in which there is no other of that service.
    """
    window = timedelta(seconds=rule.seconds)
    pause = timedelta(seconds=max(rule.seconds, cooldown))
    recent: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=rule.number))
    quiet_until: dict[str, str] = {}
    for service, at in moments:
        seen = recent[service]
        seen.append(at)
        full = len(seen) == rule.number and seen[0] > instants.to_text(instants.from_text(at) - window)
        if full and at >= quiet_until.get(service, ""):
            quiet_until[service] = instants.to_text(instants.from_text(at) + pause)
            yield service, at
