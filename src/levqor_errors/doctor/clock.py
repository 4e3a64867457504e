"""The clock of this machine, against every other clock that is met on the way. What is due is due by it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import httpx

from ..config import AlertSettings
from ..storage import SqliteFacts
from . import words
from .finding import Finding, bad, doubtful, good

#: Apart by more than this, something is wrong; a header's date is up to a second old, and the way takes some.
MOST_SECONDS: Final = 30.0
#: It is later than when this program was installed, whatever a clock says; but for time zones of archives.
_INSTALLED_SECONDS: Final = 24 * 3600.0
_SECONDS: Final = 5.0
_TOPIC: Final = "clock"
_SET: Final = "let this machine keep time (timedatectl set-ntp true), or whichever of the two is wrong"


class Reading(NamedTuple):
    """Another clock, and by how many seconds it is ahead of ours."""

    whose: str
    ahead: float


def of_answer(whose: str, answer: httpx.Response, asked: float) -> list[Reading]:
    """The clock of whoever gave an answer, if it tells.

    Args:
        whose: for people.
        answer: has a `Date` (RFC 9110, 6.6.1), in whole seconds, cut off.
        asked: when, in seconds of `time.time()`.
    """
    try:
        date = parsedate_to_datetime(answer.headers.get("Date", ""))
        return [Reading(whose, date.timestamp() + 0.5 - (asked + time.time()) / 2)]
    except (ValueError, TypeError, OverflowError):
        return []


def of_telegram(settings: AlertSettings) -> list[Reading]:
    """The clock of the Bot API, if it answers; asked without the token, so that this needs no care."""
    asked = time.time()
    try:
        return of_answer("Telegram", httpx.head(settings.telegram_url, timeout=_SECONDS), asked)
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        # Whether it answers is said elsewhere.
        return []


def look(readings: Sequence[Reading], database: object, zone: str) -> Iterator[Finding]:
    """What there is to say of our clock.

    Args:
        readings: other clocks.
        database: as `storage.inspect` found it.
        zone: the owner's time zone.
    """
    now = time.time()
    here = datetime.fromtimestamp(now, timezone.utc)
    found = f"{here:%Y-%m-%d %H:%M:%S} UTC"
    if zone != "UTC":
        found += f", {here.astimezone(ZoneInfo(zone)):%H:%M} in {zone}"
    wrong = [reading for reading in readings if abs(reading.ahead) > MOST_SECONDS]
    if now < Path(__file__).stat().st_mtime - _INSTALLED_SECONDS:
        yield bad(_TOPIC, "clock", f"{found}, which is before this program was installed", _SET)
    elif isinstance(database, SqliteFacts) and (database.written_at or 0) > now + MOST_SECONDS:
        apart = words.span((database.written_at or 0) - now)
        yield doubtful(_TOPIC, "clock", f"{found}, but the database was written {apart} later", _SET)
    elif not wrong:
        agrees = words.listed([reading.whose for reading in readings])
        yield good(_TOPIC, "clock", f"{found}; {f'agrees with {agrees}' if agrees else 'no other clock was met'}")
    for whose, ahead in wrong:
        how = "behind" if ahead > 0 else "ahead of"
        yield doubtful(_TOPIC, "clock", f"{found}, {words.span(abs(ahead))} {how} {whose}", _SET)
