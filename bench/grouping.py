"""What it costs to find an event's group, with as many rules of the owner's: `make bench-grouping`.

Events are those of `events.py`, past the gate; rules speak of groups that these events have, so that many are met.
"""

from __future__ import annotations

import statistics
import time
from datetime import datetime, timezone

from events import KINDS, make_event

from levqor_errors.event import ErrorEvent, normalize
from levqor_errors.grouping import group
from levqor_errors.grouping_explained import explain, rule_for
from levqor_errors.grouping_rules import CONSTANT, VARIABLE, Grouper, Rule

_ROUNDS = 9


def main() -> None:
    """Print a table."""
    now = datetime.now(timezone.utc)
    events = [normalize(make_event(number), received_at=now) for number in range(5 * KINDS)]
    print("| rules | µs an event, median of rounds | of the events' groups, treated by rules |")
    print("|---|---:|---:|")
    for number in (0, 10, 200):
        grouper = Grouper(_rules(events, number))
        treated = sum(grouper.group(event).parts[0].endswith("by rule") for event in events)
        print(f"| {number} | {_cost(grouper, events):.1f} | {treated / len(events):.0%} |")


def _rules(events: list[ErrorEvent], number: int) -> list[Rule]:
    """So many, of different groups: the first part of each is variable, or a number in it constant."""
    met = set()
    rules: list[Rule] = []
    for event in events:
        base = group(event).parts
        if len(rules) < number and base not in met:
            met.add(base)
            explanation = explain(Grouper(), event)
            offered = [(part.position, treat) for part in explanation.parts for treat in (CONSTANT, VARIABLE)
                       if treat in part.choices]  # fmt: skip
            position, treat = offered[0 if len(rules) % 2 else -1]
            rules.append(rule_for(explanation, position, treat)._replace(id=len(rules) + 1))
    return rules


def _cost(grouper: Grouper, events: list[ErrorEvent]) -> float:
    """Microseconds an event."""
    rounds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for event in events:
            grouper.group(event)
        rounds.append((time.perf_counter() - started) / len(events) * 1e6)
    return statistics.median(rounds)


if __name__ == "__main__":
    main()
