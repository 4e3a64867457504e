"""The strip above the owner's pages: one calm line while all is well, and everything that is not while it is not.

Made of what `Health.report` tells the owner; `_strip.html` writes it down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from .refusals import Reason

_GIB: Final = 1 << 30
#: `Reason`, as one says it.
_REASONS: Final[Mapping[str, str]] = {
    Reason.CLIENT_RATE.value: "over the rate of a client",
    Reason.SERVICE_RATE.value: "over the rate of a service",
    Reason.TOTAL_RATE.value: "over the rate of all",
    Reason.NEW_SERVICES.value: "too many names of services",
    Reason.OVERLOADED.value: "too many waited",
    Reason.UNAVAILABLE.value: "the database did not take them",
    Reason.INVALID.value: "no events, or too large",
    Reason.KEY.value: "without the right key",
    Reason.TOO_SLOW.value: "too slow",
}


class Fact(NamedTuple):
    """One of the things that are looked at."""

    name: str
    text: str
    #: `good`, `warning` or `critical`, as the colours are called; empty where there is nothing to judge.
    tone: str = ""
    #: In a few words, for the line; empty: it is not in it.
    short: str = ""

    @property
    def is_good(self) -> bool:
        """Nobody has to look at it."""
        return self.tone not in ("warning", "critical")


class Strip(NamedTuple):
    """All of it."""

    #: The worst of all.
    tone: str
    #: That in words.
    title: str
    #: What is not well comes first.
    facts: list[Fact]
    #: What somebody should look at, as sentences.
    troubles: list[str]


def strip(report: Mapping[str, Any]) -> Strip:
    """What to say.

    Args:
        report: of `Health.report(owner=True)`.
    """
    why, owner = report["why"], report["owner"]
    facts = [_collector(report), _disk(report), _refused(owner["refused"]), *_alerts(report["alerts"], owner)]
    facts.sort(key=lambda fact: fact.is_good)
    # The sentences of one are written to follow a colon.
    troubles = [*([f"{why[:1].upper()}{why[1:]}."] if why else []), *report["warnings"]]
    if owner["upkeep"]:
        troubles.append(f"The upkeep of the database fails and is tried again: {owner['upkeep']}.")
    if why:
        return Strip("critical", "Something is wrong", facts, troubles)
    if troubles or not facts[0].is_good:
        return Strip("warning", "Worth a look", facts, troubles)
    return Strip("good", "All is well", facts, troubles)


def size(number: int) -> str:
    """Bytes, as one reads them."""
    for unit, name in ((_GIB, "GB"), (1 << 20, "MB"), (1 << 10, "kB")):
        if number >= unit:
            return f"{number / unit:.0f} {name}" if number >= 10 * unit else f"{number / unit:.1f} {name}"
    return f"{number} bytes"


def _collector(report: Mapping[str, Any]) -> Fact:
    waiting = report["waiting"]
    if report["why"]:
        return Fact("Collector", report["why"], "critical")
    if waiting:
        return Fact("Collector", f"writes; {waiting:,} {'event waits' if waiting == 1 else 'events wait'}", "good")
    return Fact("Collector", "takes events and writes them", "good")


def _disk(report: Mapping[str, Any]) -> Fact:
    used, free, most = report["database_bytes"], report["free_bytes"], report["owner"]["max_bytes"]
    if used is None:
        return Fact("Database", "does not say how large it is", "warning")
    text = f"{size(used)} of {size(most)}" if most else size(used)
    short = size(used)
    if free is not None:
        text += f", and {size(free)} free on its disk"
        short += f", {size(free)} free"
    return Fact("Database", f"{text} ({report['database']})", "good", short)


def _refused(refused: Mapping[str, Mapping[str, int]] | None) -> Fact:
    name = "Refused in 24 hours"
    if refused is None:
        return Fact(name, "nobody knows now", "warning")
    requests, events = (sum(one[what] for one in refused.values()) for what in ("requests", "events"))
    if not requests and not events:
        return Fact(name, "nothing", "good", "nothing refused")
    by_reason = "; ".join(
        f"{_REASONS.get(reason, reason)}: {max(one['requests'], one['events']):,}" for reason, one in refused.items()
    )
    number = f"{events:,} {_events(events)}" if events else f"{requests:,} {'request' if requests == 1 else 'requests'}"
    return Fact(name, f"{number} ({by_reason})", "warning", f"{number} refused in 24 h")


def _events(number: int) -> str:
    return "event" if number == 1 else "events"


def _alerts(alerts: Mapping[str, Any], owner: Mapping[str, Any]) -> list[Fact]:
    set_up, states = owner["channels"], alerts["channels"] or {}
    if not set_up and not states:
        return [Fact("Alerts", "no channel is set up: nobody is told", short="no alert channel")]
    facts = []
    for name in sorted({*set_up, *states}):
        state = states.get(name)
        tone = {"ok": "good", "failing": "warning", "down": "critical", None: ""}[state]
        # What it said is among the warnings.
        facts.append(Fact(f"Alerts by {name}", state or "not used yet", tone, f"{name} {state}" if state else ""))
    if alerts["unsent"]:
        facts.append(Fact("Alerts that wait", f"{alerts['unsent']:,}"))
    facts.append(Fact("Last summary", owner["summary"] or "none yet"))
    facts.append(_canary(owner["canary"]))
    return facts


def _canary(canary: Mapping[str, Any] | None) -> Fact:
    if canary is None:
        return Fact("Canary", "none in two days")
    at = f"{canary['at'][:10]} {canary['at'][11:16]} UTC"
    if canary["ok"] and not canary["failed"]:
        return Fact("Canary", f"came through, {at}", "good")
    if canary["waiting"]:
        return Fact("Canary", f"under way since {at}")
    wrong = ", ".join(canary["failed"])
    return Fact("Canary", f"did not come through, {at}{': ' if wrong else ''}{wrong}", "warning", "the canary failed")
