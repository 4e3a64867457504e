"""What the owner wants to be told of beyond critical errors, and by which channel. Read by `config.py`, then `alerts/`.

Both are texts in the environment: `ALERT_RATES="checkout: 50 errors in 10m; *: 1000 events in 5m"` and
`ALERT_ROUTES="environment=staging -> none; service=mail -> email; severity=error -> telegram email"`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .errors import ConfigError
from .severity import SEVERITY_ALIASES, Severity

#: In a rule: any service, each by itself. In a route: it does not matter.
ANY: Final = "*"
#: The word in a route that stands for no channel at all.
NOWHERE: Final = "none"
#: Longer than this, and the day's summary says it better.
MOST_SECONDS: Final = 24 * 3600
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_DURATION: Final = re.compile(r"(\d{1,6})\s*(s|m|h|d)[a-z]*", re.ASCII | re.IGNORECASE)
_RATE: Final = re.compile(
    r"(?P<service>.+?)\s*:\s*(?P<number>\d{1,9})\s+(?P<what>[a-z]+?)s?\s+in\s+(?P<time>\d.*)", re.IGNORECASE | re.ASCII
)
_RATE_FORM: Final = (
    "must be rules such as `checkout: 50 errors in 10m`, with ; between (service * for any, events for all)"
)
_ROUTE_FORM: Final = (
    "must be routes such as `severity=critical environment=production -> telegram email`, with ; between "
    "(-> none: nobody is told)"
)
#: From the least: `errors` means errors or worse.
_RANKS: Final = tuple(Severity)


class RateRule(NamedTuple):
    """So many events in so many seconds."""

    #: Of one service, or `*`: of each.
    service: str
    number: int
    #: This or worse is counted.
    least: Severity
    seconds: int

    @property
    def severities(self) -> tuple[str, ...]:
        """What is counted."""
        return tuple(severity.value for severity in _RANKS[_RANKS.index(self.least) :])

    def __str__(self) -> str:
        what = "events" if self.least is Severity.INFO else f"{self.least.value} events or worse"
        return f"{self.number:,} {what} in {shown_duration(self.seconds)}"


class Route(NamedTuple):
    """Where alerts of a kind go. The first route that fits counts."""

    #: Any of these; empty: all.
    severities: tuple[str, ...]
    service: str
    environment: str
    #: Names of channels; none: nobody is told.
    channels: tuple[str, ...]

    def fits(self, severity: str, service: str | None, environment: str | None) -> bool:
        """Whether an alert goes this way."""
        return (
            (not self.severities or severity in self.severities)
            and self.service in (ANY, service)
            and self.environment in (ANY, environment)
        )


def rank(severity: str) -> int:
    """How bad: 0 for the worst."""
    return len(_RANKS) - 1 - _RANKS.index(Severity(severity))


def read_duration(key: str, text: str, *, least: int, most: int) -> int:
    """Seconds, from `90s`, `15m`, `2h` or `1d`.

    Raises:
        ConfigError: when it is none, or out of bounds.
    """
    found = _DURATION.fullmatch(text.strip())
    seconds = int(found[1]) * _UNITS[found[2].lower()] if found else -1
    if not least <= seconds <= most:
        raise ConfigError(
            key, f"must be a time such as 90s, 15m or 2h, from {shown_duration(least)} to {shown_duration(most)}"
        )
    return seconds


def shown_duration(seconds: int) -> str:
    """For people: `15 minutes`."""
    for size, name in ((24 * 3600, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            number = seconds // size
            return f"{number} {name}" if number == 1 else f"{number} {name}s"
    return f"{seconds} seconds"


def read_rates(key: str, text: str) -> tuple[RateRule, ...]:
    """Rules, with `;` or new lines between.

    Raises:
        ConfigError: when one is none.
    """
    return tuple(_rate(key, part) for part in _parts(text))


def _rate(key: str, text: str) -> RateRule:
    found = _RATE.fullmatch(text)
    if found is None or int(found["number"]) < 1:
        raise ConfigError(key, _RATE_FORM)
    what = found["what"].lower()
    least = Severity.INFO if what == "event" else SEVERITY_ALIASES.get(what)
    if least is None:
        raise ConfigError(key, _RATE_FORM)
    seconds = read_duration(key, found["time"], least=10, most=MOST_SECONDS)
    return RateRule(found["service"].strip(), int(found["number"]), least, seconds)


def read_routes(key: str, text: str) -> tuple[Route, ...]:
    """Routes, with `;` or new lines between; the first that fits counts.

    Raises:
        ConfigError: when one is none.
    """
    return tuple(_route(key, part) for part in _parts(text))


def _route(key: str, text: str) -> Route:
    conditions, arrow, channels = text.partition("->")
    names = tuple(channels.replace(",", " ").lower().split())
    if not arrow or not names or (NOWHERE in names and len(names) > 1):
        raise ConfigError(key, _ROUTE_FORM)
    given = {"severity": "", "service": ANY, "environment": ANY}
    for condition in conditions.split():
        name, equals, value = condition.partition("=")
        if not equals or not value or name not in given:
            raise ConfigError(key, _ROUTE_FORM)
        given[name] = value
    severities = tuple(part.strip().lower() for part in given["severity"].split(",") if part)
    if not all(severity in Severity._value2member_map_ for severity in severities):
        raise ConfigError(key, f"{_ROUTE_FORM}; severities are info, warning, error, critical")
    return Route(severities, given["service"], given["environment"], () if names == (NOWHERE,) else names)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[;\n]", text) if part.strip()]
