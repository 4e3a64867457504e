"""What is owed, who looks after it, and what the database remembers of channels and of the canary."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from ..alerts import canary, due
from ..alerts.clock import is_within
from ..alerts.daily import LAST_SUMMARY
from ..alerts.routes import Routes
from ..alerts.runner import LAST_TICK, is_watched
from ..config import AlertSettings
from ..errors import ConfigError
from ..storage.facts import AlertFacts
from . import words
from .finding import Finding, bad, doubtful, good, told

#: A message that waits so long is not on its way.
_LONG_SECONDS: Final = 900.0
_TOPIC: Final = "alerts"
_RUN: Final = "start `levqor-errors collector`, or `levqor-errors alerts` beside one with --no-alerts"


def look(
    facts: AlertFacts | None, settings: AlertSettings, channels: Sequence[str], now: datetime
) -> Iterator[Finding]:
    """What there is to say of them.

    Args:
        facts: of the database; `None`: it tells nothing.
        settings: of alerts.
        channels: names of those that are set up.
        now: the clock.
    """
    try:
        Routes(settings.routes, channels)
    except ConfigError as error:
        yield bad(_TOPIC, "routes", *told(error, "name a channel that is set up"))
    if facts is not None:
        yield _owed(facts, channels, now)
    if settings.summary_at is not None and channels:
        last = facts.memory.get(LAST_SUMMARY) if facts is not None else None
        done = f"the last was of {last}" if last else "there was none yet"
        yield good(_TOPIC, "summary", f"is due {_next(settings.summary_at, settings.summary_zone, now)}; {done}")
    if settings.canary_at is not None and channels:
        yield _canary(facts, _next(settings.canary_at, settings.summary_zone, now), now)


def _owed(facts: AlertFacts, channels: Sequence[str], now: datetime) -> Finding:
    tick = facts.memory.get(LAST_TICK)
    who = f"they were last looked after {words.ago(tick, now)}" if tick else "nobody has ever looked after them"
    owed = words.count(facts.unsent, "alert")
    since = f"{owed} wait since {words.clock(facts.since)} UTC" if facts.since else f"{owed} wait"
    if not channels:
        if facts.unsent:
            return bad(_TOPIC, "alerts", f"{since}, and no channel is set up", "set one up (see below)")
        return good(_TOPIC, "alerts", "nothing waits")
    if not is_watched(tick, now):
        kind = bad if facts.unsent else doubtful
        return kind(_TOPIC, "alerts", f"{since if facts.unsent else 'nothing waits'}, but {who}", _RUN)
    if facts.since and not is_within(facts.since, _LONG_SECONDS, now):
        return doubtful(
            _TOPIC, "alerts", f"{since}", "the channels below say why, or `levqor-errors alerts why EVENT`"
        )  # fmt: skip
    return good(_TOPIC, "alerts", f"{f'{owed} on the way' if facts.unsent else 'nothing waits'}; {who}")


def _canary(facts: AlertFacts | None, following: str, now: datetime) -> Finding:
    result = _loaded(facts.memory.get(canary.RESULT)) if facts is not None else {}
    if not result:
        return good(_TOPIC, "canary", f"is due {following}; there was none yet")
    at = words.ago(str(result["at"]), now)
    failures = [f"{name}: {text}" for name, text in result["channels"].items() if text.startswith(canary.FAILED)]
    if result["ok"]:
        return good(
            _TOPIC, "canary", f"came through to {', '.join(result['channels'])} {at}; the next is due {following}"
        )
    if failures:
        why = "; ".join(failures)
    elif is_within(str(result["at"]), canary.PATIENCE_SECONDS, now):
        return good(_TOPIC, "canary", f"is under way since {at}")
    else:
        why = "it did not come back from any channel"
    return doubtful(
        _TOPIC, "canary", f"of {result['day']} did not come through: {why}",
        "if the checks here are well, wait for the next; its event is in the collector's list",
    )  # fmt: skip


def _loaded(text: str | None) -> dict[str, Any]:
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}


def _next(minutes: int, zone: str, now: datetime) -> str:
    at = due.following(now, minutes, zone)
    shown = f"{at:%Y-%m-%d %H:%M} UTC"
    return shown if zone == "UTC" else f"{shown} ({minutes // 60:02}:{minutes % 60:02} in {zone})"
