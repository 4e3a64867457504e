"""What the page of errors shows above its list, made ready for the template: numbers with their change, services,
filters that can be taken away, and where each of them leads. Pure; called by `errors_page.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ..severity import Severity
from .chart import short
from .login import HOME
from .pages import with_query
from .ranges import ALL, PRESETS, Range

#: The worst first, as everywhere on the page.
SEVERITIES: Final = tuple(severity.value for severity in reversed(Severity))
_CARDS: Final = {"critical": "Critical", "error": "Errors", "warning": "Warnings", "info": "Info"}
#: What filters are called where they can be taken away.
_NAMES: Final = {
    "source": "Source", "service": "Service", "environment": "Environment", "release": "Release", "q": "Words",
    "issue": "Issue",
}  # fmt: skip
#: What an address may say of which events are shown. A page of them is none of these: whoever changes one of them
#: begins at the newest.
FIELDS: Final = ("severity", *_NAMES, "range", "since", "until")
#: From so many times as many on, nobody counts in percent.
_TIMES: Final = 10
_TOP_SERVICES: Final = 5


class Change(NamedTuple):
    """Against the range before."""

    #: `up`, `down` or `same`; `new`: there was nothing at all to compare with.
    way: str
    #: In the card, and in words for those who hear it.
    text: str
    words: str


class Card(NamedTuple):
    """How many there are."""

    name: str
    #: As colours are called; empty for all together.
    severity: str
    number: int
    change: Change | None
    link: str
    #: The list shows these alone.
    is_current: bool


class Part(NamedTuple):
    """Of a bar that lies: where it begins and how long it is, in percent."""

    severity: str
    x: float
    width: float


class ServiceRow(NamedTuple):
    """A service, with its events as a bar."""

    name: str
    number: int
    parts: list[Part]
    link: str


class Chip(NamedTuple):
    """A filter, and the page without it."""

    name: str
    value: str
    without: str


class Choice(NamedTuple):
    """A range that can be chosen."""

    text: str
    title: str
    link: str
    is_current: bool


def address(carried: Mapping[str, str], **changes: str) -> str:
    """The path of the list with these parameters; empty ones are left out.

    Args:
        carried: what is in the address now.
        changes: what is other in the new one.
    """
    return with_query(HOME, {**carried, **changes})


def in_range(carried: Mapping[str, str], edges: Mapping[str, str]) -> str:
    """The path of the list in another range: `range`, or `since` and `until`."""
    return address(carried, **{"range": "", "since": "", "until": "", **edges})


def change(now: int, before: int, words_before: str) -> Change:
    """How one number is to another."""
    if now == before:
        return Change("same", "as before", f"as many as in {words_before}")
    if not before:
        return Change("up", "none before", f"there was none in {words_before}")
    way, more = ("up", "more") if now > before else ("down", "less")
    had = f"{words_before}, which had {before:,}"
    if not now:
        return Change(way, f"{short(before)} before", f"less than in {had}")
    if now >= _TIMES * before:
        times = short(round(now / before))
        return Change(way, f"{times}x · {short(before)} before", f"{times} times as many as in {had}")
    percent = abs(now - before) * 100 / before
    text = f"{percent:.0f}%" if percent >= 1 else "under 1%"
    return Change(way, f"{text} · {short(before)} before", f"{text} {more} than in {had}")


def cards(
    now: Mapping[str, int],
    before: Mapping[str, int] | None,
    words_before: str,
    chosen: Sequence[str],
    carried: Mapping[str, str],
) -> list[Card]:
    """One for all together, and one for each severity.

    Args:
        now: how many there are, by severity.
        before: how many there were in the range before; `None`: nobody can say.
        words_before: what that range is called.
        chosen: severities that the list is of; none for all.
        carried: what is in the address.
    """
    everything = address(carried, severity="")
    total = None
    if before is not None and any(before.values()):
        total = change(sum(now.values()), sum(before.values()), words_before)
    elif before is not None:
        total, before = Change("new", "none before", f"there was none in {words_before}"), None
    result = [Card("Total", "", sum(now.values()), total, everything, not chosen)]
    for severity in SEVERITIES:
        number = now[severity]
        changed = change(number, before[severity], words_before) if before is not None else None
        is_current = list(chosen) == [severity]
        link = everything if is_current else address(carried, severity=severity)
        result.append(Card(_CARDS[severity], severity, number, changed, link, is_current))
    return result


def service_rows(
    services: Sequence[tuple[str, Mapping[str, int]]], severities: Sequence[str], carried: Mapping[str, str]
) -> tuple[list[ServiceRow], int]:
    """The loudest services, as far as they have events of these severities; and how many there are besides."""
    counted = [(name, {severity: counts[severity] for severity in severities}) for name, counts in services]
    loud = sorted(((name, counts) for name, counts in counted if any(counts.values())), key=_by_number)
    most = max((sum(counts.values()) for _, counts in loud), default=0)
    rows = []
    for name, counts in loud[:_TOP_SERVICES]:
        parts, x = [], 0.0
        for severity, number in counts.items():
            if number:
                width = max(number * 100 / most, 1)
                parts.append(Part(severity, round(x, 2), round(width, 2)))
                x += width
        rows.append(ServiceRow(name, sum(counts.values()), parts, address(carried, service=name)))
    return rows, len(loud) - len(rows)


def _by_number(item: tuple[str, Mapping[str, int]]) -> tuple[int, str]:
    return -sum(item[1].values()), item[0]


def chips(chosen: Sequence[str], carried: Mapping[str, str]) -> list[Chip]:
    """What narrows the list, but for its range."""
    severities = [
        Chip("Severity", severity, address(carried, severity=",".join(one for one in chosen if one != severity)))
        for severity in chosen
    ]
    others = [
        Chip(text, carried[name], address(carried, **{name: ""})) for name, text in _NAMES.items() if name in carried
    ]
    return severities + others


def choices(span: Range, carried: Mapping[str, str]) -> list[Choice]:
    """The ranges that are offered."""
    names = {**{name: (text, words) for name, (_, words, text) in PRESETS.items()}, ALL: ("All", "all time")}
    return [
        Choice(text, title, in_range(carried, {"range": name}), span.name == name)
        for name, (text, title) in names.items()
    ]
