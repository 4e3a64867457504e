"""One fault at one time, as a client sends it: with stack, frames, request, user, tags and breadcrumbs.

From `faults.py` and `browser.py`, for `month.py`. Stacks are rendered by the client's own renderer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from ..client.render import render
from ..ids import uuid7_of
from .faults import Fault, Raised
from .shop import HOSTS, PRODUCTS, SEARCHES, SITE, STAGING, Person, Release, people
from .sources import ShopSources

_DECLINES: Final = ("insufficient_funds", "expired_card", "do_not_honor", "incorrect_cvc")
_REGIONS: Final = ("eu-west", "eu-west", "eu-north", "us-east")
#: Networks for examples, RFC 5737.
_NETWORKS: Final = ("192.0.2", "198.51.100", "203.0.113")
_DAY: Final = timedelta(days=1)


class Events:
    """Makes them.

    Args:
        releases: that ran meanwhile, the oldest first.
        chance: what differs from one to the next.
    """

    def __init__(self, releases: list[Release], chance: random.Random) -> None:
        self._releases = releases
        self._chance = chance
        self._people = people()
        self._sources = ShopSources()

    def make(self, fault: Fault, at: datetime) -> dict[str, Any]:
        """An event of a fault.

        Args:
            fault: what went wrong.
            at: when it reaches the collector; it happened a moment before.
        """
        chance = self._chance
        # Some customers meet far more than others.
        person = self._people[int(chance.random() ** 2 * len(self._people))]
        values = self._values(person)
        fill = _filler(values)
        happened = at.timestamp() - chance.uniform(0.05, 1.5)
        browser = not HOSTS[fault.service]
        event: dict[str, Any] = {
            "event_id": uuid7_of(int(happened * 1000), chance.getrandbits(80)),
            "created_at": round(happened, 3),
            "source": "frontend" if browser else "backend",
            "service": fault.service,
            "severity": fault.severity,
            "message": fill(fault.message),
            "environment": fault.environment,
            "release": self._release(at + _DAY if fault.environment == STAGING else at),
        }
        context: dict[str, Any] = {"tags": {"region": chance.choice(_REGIONS)}}
        if fault.visitor:
            event["user_email"] = person.email
            context["user"] = {"id": person.id, "plan": person.plan}
        if fault.request is not None:
            self._request(event, context, fill(fault.request), person, browser)
        if fault.template is not None:
            context["message_template"] = fault.template
        if fault.raised:
            stack = self._browser_stack if browser else self._stack
            event["stack"], context["exceptions"] = stack(fault.raised, fill, happened)
        if fault.crumbs:
            context["breadcrumbs"] = self._crumbs(fault, fill, happened)
        if not browser:
            host = chance.choice(HOSTS[fault.service])
            context["process"] = {
                "host": host, "pid": 400 + len(host) * 37, "python": "3.12.11", "service": fault.service,
            }  # fmt: skip
        event["context"] = context
        return event

    def _release(self, at: datetime) -> str:
        running = [one.name for one in self._releases if one.since <= at]
        return (running or [self._releases[0].name])[-1]

    def _values(self, person: Person) -> dict[str, object]:
        chance = self._chance
        return {
            "user": person.id, "order": chance.randrange(104_000, 119_000), "sku": chance.choice(PRODUCTS),
            "amount": f"{chance.randrange(900, 90_000) / 100:.2f}", "ms": chance.randrange(1_050, 9_800),
            "count": chance.randrange(3, 240), "hex": f"{chance.getrandbits(64):016x}",
            "hex2": f"{chance.getrandbits(64):016x}", "decline": chance.choice(_DECLINES),
            "search": chance.choice(SEARCHES), "postcode": f"{chance.randrange(100, 9_999)}",
            "late": chance.randrange(301, 5_400), "chunk": chance.randrange(100, 990),
        }  # fmt: skip

    def _request(
        self, event: dict[str, Any], context: dict[str, Any], request: str, person: Person, browser: bool
    ) -> None:
        method, _, target = request.partition(" ")
        path, _, query = target.partition("?")
        event["path_or_screen"] = path
        headers = {"user-agent": person.browser}
        if browser:
            context["request"] = {"url": f"{SITE}{target}", "headers": headers}
            return
        headers["host"] = f"{event['service']}.shop.example"
        context["request"] = {"method": method, "path": path, "query": query, "headers": headers}
        context["user"] = {
            **context.get("user", {}),
            "ip": f"{_NETWORKS[person.id % len(_NETWORKS)]}.{person.id % 250}",
        }

    def _stack(
        self, raised: tuple[Raised, ...], fill: Callable[[str], str], happened: float
    ) -> tuple[str, list[dict[str, Any]]]:
        captured = []
        for one in raised:
            entry: dict[str, Any] = {"type": one.kind, "value": fill(one.value)}
            if one.via is not None:
                entry["via"], entry["of"] = one.via, one.of
            entry["frames"] = [self._sources.places[name] for name in one.places]
            captured.append(entry)
        return render(captured, happened, self._sources)

    def _browser_stack(
        self, raised: tuple[Raised, ...], fill: Callable[[str], str], _happened: float
    ) -> tuple[str, list[dict[str, Any]]]:
        """As browsers write it: the innermost call first. Frames have the innermost last, as everywhere here."""
        lines, exceptions = [], []
        for one in raised:
            value = fill(one.value)
            lines.append(f"{'Caused by: ' if one.via else ''}{one.kind}: {value}")
            frames = []
            for place in one.places:
                function, _, where = place.partition(" ")
                file, line, column = where.split(":")
                url = f"{SITE}/assets/{file}"
                lines.append(f"    at {function} ({url}:{line}:{column})")
                frames.append(
                    {"file": url, "line": int(line), "column": int(column), "function": function,
                     "in_app": not file.startswith(("vendor", "runtime"))}
                )  # fmt: skip
            entry: dict[str, Any] = {"type": one.kind, "value": value}
            if one.via is not None:
                entry["via"], entry["of"] = one.via, one.of
            exceptions.append({**entry, "frames": frames[::-1]})
        return "\n".join(lines), exceptions

    def _crumbs(self, fault: Fault, fill: Callable[[str], str], happened: float) -> list[dict[str, Any]]:
        crumbs: list[dict[str, Any]] = []
        at = happened
        for text in reversed(fault.crumbs):
            at -= self._chance.uniform(0.1, 9)
            category, _, message = fill(text).partition(": ")
            level = "warning" if message.endswith(("→ 500", "→ failed", "offline")) else "info"
            crumbs.append({"at": round(at, 3), "level": level, "category": category, "message": message})
        return crumbs[::-1]


def _filler(values: Mapping[str, object]) -> Callable[[str], str]:
    def fill(text: str) -> str:
        return text.format_map(values) if "{" in text else text

    return fill
